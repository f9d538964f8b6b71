"""Rules for attempts at sending a code."""

from datetime import datetime, timedelta
from math import ceil
from typing import Literal

from notify.sms.channel import Failure

Outcome = Literal["sent", "expired", "gone", "unconfigured"] | Failure
OUTCOMES: tuple[Outcome, ...] = ("sent", "failed", "expired", "gone", "number_refused", "provider_refused", "unconfigured")
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=2), timedelta(seconds=30)


def next_attempt(attempts: int, at: datetime, expires_at: datetime) -> datetime:
    """Return the time of the next attempt after this many failed ones: 2, 4, 8, … at most 30 seconds later, or at the expiry."""
    pause = min(FIRST_PAUSE * (1 << min(attempts - 1, 10)), LONGEST_PAUSE)
    return max(at, min(at + pause, expires_at))


def minutes_left(at: datetime, expires_at: datetime) -> int:
    """Return for how many minutes a code still holds, rounded up."""
    return ceil((expires_at - at) / timedelta(minutes=1))
