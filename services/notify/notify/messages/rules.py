"""Rules of messages: over which channels a notice leaves, when an attempt is repeated, when a provider is left alone."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from math import ceil
from typing import Any, Literal

from contracts.notices import Urgency

CHINA = timezone(timedelta(hours=8))
Side = Literal["giver", "household", "administrator"]
SMS, EMAIL, WORK_LIST = "sms", "email", "work_list"
PUSH, WECHAT = BESIDE = ("push", "wechat")
"""Channels beside the app: a notice takes them at once, and every other one that is planned too."""
ENDPOINT_CHANNELS = ("webhook", "wecom", "dingtalk", "feishu")
LINKING = "wechat_link"
"""The kind of a message that links an account: it leaves as soon as a code does, and is over when its code is."""
BY_EMAIL = {"email_change"}
"""Purposes of codes that are mailed; all others go by SMS."""
CODES, URGENT, ORDINARY, GATHERED, ENDPOINTS = 0, 1, 2, 3, 4
TO_PEOPLE, TO_ENDPOINTS = (CODES, URGENT, ORDINARY), (ENDPOINTS,)
"""Codes leave first: a person waits for each. Urgent notices leave before others. What is to be gathered waits for its digest.
Endpoints, which may be slow, have threads of their own."""
FAILURES = ("temporary-failure", "permanent-failure", "technical-failure")

UNREAD_FOR = timedelta(hours=24)
"""A notice that is not urgent leaves the app only when it was not read there for so long."""
KEPT_TRYING = {CODES: timedelta(minutes=5), URGENT: timedelta(hours=24), ORDINARY: timedelta(hours=72), ENDPOINTS: timedelta(hours=72)}
"""The time for which a message is tried before the next channel has its turn."""
REPORT_WITHIN = timedelta(hours=72)
"""A provider that reports does so within this time; telephones that stay off are given up then."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=4)
FIRST_PAUSE_OF_CODE, LONGEST_PAUSE_OF_CODE = timedelta(seconds=2), timedelta(seconds=30)
ON_THE_LIST_FOR = timedelta(days=90)

FAILURES_IN_A_ROW = 5
"""So many failures in a row close a provider."""
LONGEST_WISH = timedelta(hours=6)
"""A provider may ask to be left alone for so long."""
FIRST_CLOSURE, LONGEST_CLOSURE = timedelta(seconds=15), timedelta(minutes=10)


@dataclass(frozen=True)
class Route:
    """The channels outside the app that a notice takes, one after the other as each fails, and how long the app has it alone."""

    channels: tuple[str, ...]
    wait: timedelta = timedelta(0)


def find_route(side: Side, urgency: Urgency, *, has_app: bool, is_household: bool) -> Route | None:
    """Find the way of a notice out of the app; None when it stays there.

    A household without an account has no app, so that its notices leave at once. What reaches no household by itself comes onto
    its village's work list.
    """
    last = (WORK_LIST,) if is_household else ()
    if urgency == "low":
        return None
    if not has_app:
        return Route((SMS, *last))
    if urgency == "high":
        return Route((SMS, EMAIL, *last))
    return Route((EMAIL, SMS, *last) if is_household else (EMAIL,), UNREAD_FOR)


def is_beside(notice: Mapping[str, Any]) -> bool:
    """Tell whether a notice goes to browsers and WeChat of its recipient, if they have any."""
    return bool(notice["has_app"]) and notice["urgency"] != "low"


def next_attempt(attempts: int, at: datetime, expires_at: datetime, *, is_code: bool, chance: float | None = None) -> datetime | None:
    """Return the time of the next attempt after this many failed ones, or None when it is given up.

    Pauses double, and half of each is left to chance, so that messages which failed together do not come back together.
    """
    first, longest = (FIRST_PAUSE_OF_CODE, LONGEST_PAUSE_OF_CODE) if is_code else (FIRST_PAUSE, LONGEST_PAUSE)
    if at >= expires_at:
        return None
    pause = min(first * (1 << min(max(attempts, 1) - 1, 12)), longest)
    share = random.random() if chance is None else chance  # it spreads load, and guards nothing
    return min(at + pause * (0.5 + share / 2), expires_at)


def closed_until(failures: int, at: datetime, chance: float | None = None) -> datetime | None:
    """Return until when a provider with so many failures in a row is left alone; None while it may be called."""
    if failures < FAILURES_IN_A_ROW:
        return None
    pause = min(FIRST_CLOSURE * (1 << min(failures - FAILURES_IN_A_ROW, 12)), LONGEST_CLOSURE)
    share = random.random() if chance is None else chance  # it spreads load, and guards nothing
    return at + pause * (0.5 + share / 2)


def minutes_left(at: datetime, expires_at: datetime) -> int:
    """Return for how many minutes a code still holds, rounded up."""
    return ceil((expires_at - at) / timedelta(minutes=1))


def day_of(at: datetime) -> date:
    """Return the day in China."""
    return at.astimezone(CHINA).date()


def next_day(at: datetime) -> datetime:
    """Return when the next day begins in China."""
    return datetime.combine(day_of(at) + timedelta(days=1), datetime.min.time(), CHINA)
