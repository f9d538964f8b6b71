"""Rules of one-time codes: how long and how often they count, how many may be asked for. No rule needs a database."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone

from chassis.problems import Problem
from users.codes.model import CodeRequest
from users.codes.settings import CodeSettings
from users.problems import code_ended, no_code

LIFETIME = timedelta(minutes=5)
MOST_TRIES = 5
MOST_LOOKS = 20
"""How often notify may look at a code: it looks at each attempt, and a provider that is away for a minute must not cost a new code."""
CHINA = timezone(timedelta(hours=8))
BY_EMAIL = "email_change"
"""The purpose of codes that are mailed; all others go by SMS."""


def find_try_problem(request: CodeRequest, now: datetime) -> Problem | None:
    """Return the problem of a code that expired, was used or was tried too often; None if it may be tried."""
    if request.used_at or request.tries >= MOST_TRIES or request.expires_at <= now:
        return code_ended()
    return None


def find_look_problem(request: CodeRequest, now: datetime) -> Problem | None:
    """Return the problem with sending a code that has ended or was looked at too often; None if it may be sent."""
    return no_code() if find_try_problem(request, now) or request.looks >= MOST_LOOKS else None


BUDGETS = ("phone", "phone_address", "address", "house")


def list_budgets(settings: CodeSettings, phone: str, address: str) -> Iterator[tuple[str, str, int]]:
    """Yield the budgets that a request counts against: name, whose it is, and the limit for a day.

    One address gets half the codes of a phone at most, so that a stranger cannot use up all codes of somebody's day.
    """
    limits = (settings.codes_per_phone, (settings.codes_per_phone + 1) // 2, settings.codes_per_address, settings.codes_per_day)
    yield from zip(BUDGETS, (phone, f"{phone} {address}", address, ""), limits, strict=True)


def day_of(at: datetime) -> date:
    """Return the day in China."""
    return at.astimezone(CHINA).date()


def seconds_to_next_day(at: datetime) -> int:
    """Return the seconds until the day ends in China, 1 at least."""
    here = at.astimezone(CHINA)
    midnight = datetime.combine(here.date() + timedelta(days=1), datetime.min.time(), CHINA)
    return max(1, round((midnight - here).total_seconds()))
