"""Rules of throttling: how many wrong passwords are free, and how long the next one has to wait. No rule needs a database."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Throttle:
    """`free` tries at once, then delays of 1, 2, 4, … seconds up to `drain`; one try is forgotten after each `drain`.

    So after the free tries and some that double the delay, one try is left for each `drain`.
    """

    free: int
    drain: timedelta

    def forget(self, tries: int, since: datetime, now: datetime) -> tuple[int, datetime]:
        """Return the tries that still count, and the moment from which the next one drains."""
        drained = max(0, (now - since) // self.drain)
        return (tries - drained, since + drained * self.drain) if drained < tries else (0, now)

    def wait(self, tries: int, last_at: datetime, now: datetime) -> timedelta:
        """Return how long the next try has to wait after these."""
        if tries < self.free:
            return timedelta(0)
        delay = min(timedelta(seconds=2 ** min(tries - self.free, 20)), self.drain)
        return max(timedelta(0), last_at + delay - now)


PAIR = Throttle(free=5, drain=timedelta(hours=1))
"""A phone from one address: 5 tries, 17 in the first hour and a half, then one an hour."""
PHONE = Throttle(free=50, drain=timedelta(minutes=30))
"""A phone from all addresses that it does not sign in from. Guesses from one or two addresses never reach its free tries."""
ADDRESS = Throttle(free=100, drain=timedelta(minutes=1))
"""An address, for all phones that do not sign in from it: a village office is one address."""
KNOWN_FOR = timedelta(days=90)
"""How long a phone that signed in from an address is known there: it then waits for wrong passwords of this pair only."""
KEPT_FOR = timedelta(days=3)
"""How long a row is kept after its last try; all of its tries are forgotten by then."""
