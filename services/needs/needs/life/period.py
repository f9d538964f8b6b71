"""The period of a need: the days from its publication or renewal to its expiry."""

from needs.model import Need

DEFAULT_DAYS = 90
"""The days of a need from before the catalogue had any."""


def period_days(need: Need) -> int:
    """Return the days of a need's next period: those of its item, as the need keeps them since it was posted."""
    return int((need.terms or {}).get("days") or DEFAULT_DAYS)
