"""Days of appointments, in Asia/Shanghai."""

from datetime import date, datetime, timedelta, timezone

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")


def today() -> date:
    """Return the present day in Asia/Shanghai."""
    return datetime.now(SHANGHAI).date()
