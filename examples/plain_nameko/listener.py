"""A plain nameko service outside Duijie: it prints the ids of withdrawn needs and uses none of Duijie's code."""

import os
import signal
from typing import Any

import eventlet

eventlet.monkey_patch()

from nameko.containers import ServiceContainer  # noqa: E402
from nameko.events import event_handler  # noqa: E402


class Stranger:
    name = "stranger"
    seen: set[tuple[str, int]] = set()

    @event_handler("needs", "need_withdrawn")
    def on_need_withdrawn(self, payload: dict[str, Any]) -> None:
        # An event may be delivered twice; its id and version show that. A real program keeps them in its database.
        change = payload["need_id"], payload["version"]
        if change not in self.seen:
            self.seen.add(change)
            print(payload["need_id"], flush=True)


def main() -> None:
    container = ServiceContainer(Stranger, {"AMQP_URI": os.environ["BROKER_URL"]})
    signal.signal(signal.SIGTERM, lambda *_: eventlet.spawn(container.stop))
    container.start()
    print("stranger ready", flush=True)
    container.wait()


if __name__ == "__main__":
    main()
