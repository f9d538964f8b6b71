"""Timers of a worker."""

import logging
import random
from collections.abc import Callable
from typing import Protocol, TypeVar

import eventlet
from nameko.extensions import register_entrypoint
from sqlalchemy.orm import Session

from chassis.messaging.background import BackgroundEntrypoint

log = logging.getLogger("chassis.timers")


class Every(BackgroundEntrypoint):
    """The entrypoint of a timer. See `every`."""

    def __init__(self, seconds: float, at_start: bool = True, **options: object) -> None:
        """Take the seconds between two calls, and whether the first comes at once."""
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


W = TypeVar("W")
R = TypeVar("R")


class TimerDecorator(Protocol):
    """A decorator of methods `(self, session)`; it returns the method itself."""

    def __call__(self, method: Callable[[W, Session], R], /) -> Callable[[W, Session], R]: ...


def every(seconds: float, at_start: bool = True) -> TimerDecorator:
    """Call the method with a session, `seconds` after each end of the last call: `@every(seconds=5)`.

    Each call has a transaction of its own. A failing call is logged, and the next one comes. Every replica runs the timer, so a method
    claims its rows with `SKIP LOCKED`. With `at_start=False` the first call comes after a random part of `seconds`: heavy work would
    otherwise run whenever a process starts, in all replicas that start together.
    """

    def register(method: Callable[[W, Session], R]) -> Callable[[W, Session], R]:
        register_entrypoint(method, Every(seconds, at_start))
        return method

    return register
