"""A program of somebody else: a plain nameko service that writes down what needs tells."""

import os
import signal
from typing import Any

import eventlet

eventlet.monkey_patch()

from nameko.containers import ServiceContainer  # noqa: E402
from nameko.events import event_handler  # noqa: E402


class Stranger:
    name = "stranger"

    @event_handler("needs", "need_withdrawn")
    def on_need_withdrawn(self, payload: dict[str, Any]) -> None:
        print(payload["need_id"], flush=True)


def main() -> None:
    container = ServiceContainer(Stranger, {"AMQP_URI": os.environ["BROKER_URL"]})
    signal.signal(signal.SIGTERM, lambda *_: eventlet.spawn(container.stop))
    container.start()
    print("stranger ready", flush=True)
    container.wait()


if __name__ == "__main__":
    main()
