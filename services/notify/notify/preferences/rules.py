"""Rules of manners: which channels somebody wants, until when a message waits, and when a digest is due."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta, timezone
from typing import Literal

ZONES = {"Asia/Shanghai": timezone(timedelta(hours=8)), "Asia/Urumqi": timezone(timedelta(hours=6))}
"""The times by which people in China live. Neither has a summer time."""
CHINA, XINJIANG = "Asia/Shanghai", "Asia/Urumqi"
REGIONS_OF_XINJIANG = "65"
EVERY_KIND = "*"
CHINESE = "zh-CN"
SMS, EMAIL, PUSH, WECHAT = CHANNELS = ("sms", "email", "push", "wechat")
"""The channels that people may choose. The app always shows every notice."""
DIGEST_AT = time(8)
MOST_SMS_PER_DAY = 20
Reason = Literal["quiet_hours", "daily_cap"]


@dataclass(frozen=True)
class Hold:
    """A message waits, for this reason, until this moment."""

    reason: Reason
    until: datetime


@dataclass(frozen=True, kw_only=True)
class Manners:
    """How one recipient wants to be told. `zone` is a key of `ZONES`; quiet hours go from `since` to `until`, often across midnight."""

    zone: str = CHINA
    since: time | None = time(22)
    until: time | None = time(7)
    urgent_passes: bool = True
    sms_per_day: int = 3
    digest: Literal["daily", "never"] = "daily"
    silenced: frozenset[str] = frozenset()

    def wants(self, kind: str, channel: str) -> bool:
        """Tell whether notices of a kind may leave over a channel."""
        return self.wants_any(channel) and f"{kind}.{channel}" not in self.silenced

    def wants_any(self, channel: str) -> bool:
        """Tell whether anything may leave over a channel."""
        return f"{EVERY_KIND}.{channel}" not in self.silenced


DEFAULT = Manners()


def zone_of(region: str | None) -> str:
    """Return the time zone by which people of a region live."""
    return XINJIANG if region and region.startswith(REGIONS_OF_XINJIANG) else CHINA


def quiet_until(manners: Manners, at: datetime) -> datetime | None:
    """Return when the quiet hours end that hold at a moment; None outside of them. They begin at `since` and end before `until`."""
    if manners.since is None or manners.until is None:
        return None
    local = at.astimezone(ZONES[manners.zone])
    clock = local.time()
    is_across_midnight = manners.since > manners.until
    is_quiet = clock >= manners.since or clock < manners.until if is_across_midnight else manners.since <= clock < manners.until
    return _next_time(local, manners.until) if is_quiet else None


def day_begins(manners: Manners, at: datetime) -> datetime:
    """Return when the recipient's day began."""
    return at.astimezone(ZONES[manners.zone]).replace(hour=0, minute=0, second=0, microsecond=0)


def digest_due(manners: Manners, at: datetime) -> datetime:
    """Return when the next digest is due, outside of quiet hours."""
    due = _next_time(at.astimezone(ZONES[manners.zone]), DIGEST_AT)
    return quiet_until(manners, due) or due


def find_hold(manners: Manners, channel: str, at: datetime, *, is_urgent: bool, sms_today: int) -> Hold | None:
    """Return why and until when a message that is about to leave has to wait; None when it may leave.

    Urgent kinds pass the cap, and the quiet hours of everybody who did not choose otherwise. `sms_today` counts those before this one.
    """
    end_of_quiet = quiet_until(manners, at)
    if end_of_quiet and not (is_urgent and manners.urgent_passes):
        return Hold("quiet_hours", end_of_quiet)
    if channel == SMS and not is_urgent and sms_today >= manners.sms_per_day:
        tomorrow = day_begins(manners, at) + timedelta(days=1)
        return Hold("daily_cap", quiet_until(manners, tomorrow) or tomorrow)
    return None


def choose_channels(manners: Manners, kind: str, channels: Sequence[str], *, has_app: bool) -> tuple[str, ...]:
    """Leave out the channels that the recipient does not want. Whoever has the app and wants none of the others is told there alone."""
    wanted = tuple(channel for channel in channels if channel not in CHANNELS or manners.wants(kind, channel))
    return () if has_app and not {*wanted} & {*CHANNELS} else wanted


def _next_time(local: datetime, clock: time) -> datetime:
    found = datetime.combine(local.date(), clock, local.tzinfo)
    return found if found > local else found + timedelta(days=1)
