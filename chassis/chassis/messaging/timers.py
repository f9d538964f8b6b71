"""What a worker does again and again, whatever is told."""

import logging
import random

import eventlet

from chassis.messaging.background import Decorator, Loop

log = logging.getLogger("chassis.timers")


class Every(Loop):
    """`@every(seconds=5)`: the method gets a session, in a transaction of its own, again and again. Any number of replicas may run it.

    With `at_start=False` it is called for the first time after some random part of the time: what is heavy would else run whenever a
    process starts, in all that start together.
    """

    def __init__(self, seconds: float, at_start: bool = True, **options: object) -> None:
        self.seconds, self.at_start = seconds, at_start
        super().__init__(**options)

    def _run(self) -> None:
        if not self.at_start:
            with eventlet.Timeout(random.uniform(0, self.seconds), False):
                self._stopping.wait()
        while not self._stopping.ready():
            try:
                with self._database.begin() as session:
                    self._call(session)
            except Exception as error:
                log.error("a timer failed, it goes on", exc_info=error, extra={"timer": self.method_name})
            with eventlet.Timeout(self.seconds, False):
                self._stopping.wait()


every: Decorator = Every.decorator
