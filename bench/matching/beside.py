"""Background load: `python -m bench.matching.beside <needs a second>` publishes needs evenly until stopped."""

import os
import random
import signal
import sys
import threading
import time

from bench.matching import book
from bench.matching.scene import message_of
from chassis.messaging.broker import Publisher, connected

TICK_SECONDS = 0.02


def main() -> None:
    rate, luck = float(sys.argv[1]), random.Random()
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    book.published(luck)
    with connected(os.environ["BROKER_URL"], 60) as connection:
        publisher, started, published = Publisher(connection, 30), time.monotonic(), 0
        print("beside ready", flush=True)
        while not stopping.wait(TICK_SECONDS):
            due = int((time.monotonic() - started) * rate) - published
            publisher.publish([message_of(book.published(luck)) for _ in range(due)])
            published += due


if __name__ == "__main__":
    main()
