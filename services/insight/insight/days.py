"""Days as people in China count them: every moment belongs to a day of Asia/Shanghai, eight hours ahead of UTC all year."""

from datetime import date, datetime, timedelta, timezone

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")


def day_of(moment: datetime) -> date:
    return moment.astimezone(SHANGHAI).date()


def today() -> date:
    return datetime.now(SHANGHAI).date()


def week_of(day: date) -> date:
    """The Monday of its week."""
    return day - timedelta(days=day.weekday())


def month_of(day: date) -> date:
    """The first day of its month."""
    return day.replace(day=1)


def end_of_month(day: date) -> date:
    """The last day of its month."""
    return month_of(month_of(day) + timedelta(days=31)) - timedelta(days=1)
