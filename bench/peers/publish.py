"""Raw pipelined publishing: `python -m bench.peers.publish <file>` publishes the file's messages (JSON lines: routing key, headers, body),
in batches of 500, each batch waiting for all its confirms, to the exchange that the relay tells to, with plain kombu and amqp. It reads
no database and keeps nothing. The messages are in memory before the clock starts; prints the seconds."""

import json
import os
import sys
import time
from pathlib import Path

import amqp
import kombu

EXCHANGE = "needs.events"
BATCH = 500


def main() -> None:
    lines = [json.loads(line) for line in Path(sys.argv[1]).read_text().splitlines()]
    connection = kombu.Connection(os.environ["BROKER_URL"]).transport.establish_connection()
    channel = connection.channel()
    channel.confirm_select()
    open_tags: set[int] = set()

    def confirm(tag: int, multiple: bool) -> None:
        open_tags.difference_update([one for one in open_tags if one <= tag] if multiple else [tag])

    channel.events["basic_ack"].add(confirm)
    started, tag = time.monotonic(), 0
    for at in range(0, len(lines), BATCH):
        for key, headers, body in lines[at : at + BATCH]:
            message = amqp.Message(
                body, content_type="application/json", content_encoding="utf-8", delivery_mode=2, message_id=headers["ce-id"],
                application_headers=headers,
            )  # fmt: skip
            tag += 1
            open_tags.add(tag)
            channel.basic_publish(message, EXCHANGE, key, mandatory=True)
        while open_tags:
            connection.drain_events(timeout=30)
    print(time.monotonic() - started)
    connection.close()


if __name__ == "__main__":
    main()
