"""Rules of second factors: which code counts, how long wrong ones delay, who may remove somebody's. No rule needs a database."""

import secrets
from base64 import b32encode
from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

import pyotp

from chassis.http.auth import Caller
from chassis.problems import Problem, not_allowed, not_found
from users.problems import too_many_wrong_codes
from users.second_factor.model import SecondFactor

RECOVERY_CODES = 10
PERIOD_SECONDS = 30
FREE_TRIES = 5
FIRST_DELAY, LONGEST_DELAY = timedelta(minutes=1), timedelta(hours=1)


def step_at(moment: datetime) -> int:
    """Return the number of the period of 30 seconds that a moment lies in."""
    return int(moment.timestamp()) // PERIOD_SECONDS


def find_step(secret: str, code: str, moment: datetime) -> int | None:
    """Return the period whose code this is: the present one, the one before or the next; None for a wrong code."""
    present = step_at(moment)
    codes = pyotp.TOTP(secret)
    # All three are compared, so that the time taken does not tell which one matched.
    matching = [step for step in (present - 1, present, present + 1) if secrets.compare_digest(codes.generate_otp(step), code)]
    return max(matching, default=None)


def find_delay_problem(factor: SecondFactor, moment: datetime) -> Problem | None:
    """Return the problem of a factor that wrong codes delay; None if it takes a code now.

    It waits one minute after five wrong codes in a row, twice as long after each more, an hour at most.
    """
    if factor.wrong_codes < FREE_TRIES or factor.wrong_at is None:
        return None
    delay = min(FIRST_DELAY * 2 ** min(factor.wrong_codes - FREE_TRIES, 10), LONGEST_DELAY)
    left = factor.wrong_at + delay - moment
    return too_many_wrong_codes(retry_after_seconds=max(1, round(left.total_seconds()))) if left > timedelta(0) else None


def new_recovery_codes() -> list[str]:
    """Make ten codes of 120 random bits each, in six groups of four letters and digits."""
    return [_grouped(b32encode(secrets.token_bytes(15)).decode()) for _ in range(RECOVERY_CODES)]


def _grouped(code: str) -> str:
    return "-".join(code[place : place + 4] for place in range(0, len(code), 4))


def find_removal_problem(caller: Caller, account_id: UUID, regions: Collection[str]) -> Problem | None:
    """Return the problem with removing the second factor of somebody who administers these regions; None if the caller may.

    An administrator of a region around every one of them may. Nobody removes their own: a stolen session would do so first.
    """
    if account_id == caller.id:
        return not_allowed()
    if not regions or not any(caller.manages(region) for region in regions):
        return not_found()
    is_above = all(any(region.startswith(wider) and region != wider for wider in caller.regions) for region in regions)
    return None if is_above else not_allowed()
