"""Goods with a best-before date: how long they may be matched, and until when they have to be sent. Pure functions, and SQL."""

from datetime import datetime, timedelta

ON_THE_WAY = timedelta(days=2)
"""The time that goods with a best-before date are given to arrive."""
TO_SEND = timedelta(days=3)
"""The least time to send that is left when such goods are promised."""
SHORTEST = timedelta(hours=12)
"""The least time to send, however near the best-before date is."""
WARNED_BEFORE = timedelta(days=1)
"""The receiving side is reminded of goods on the way when so much is left until their date."""


def limit_validity(valid_until: datetime, best_before: datetime | None) -> datetime:
    """Return until when a pledge is matched: nothing is proposed or promised that would be over before it can arrive."""
    return valid_until if best_before is None else min(valid_until, best_before - TO_SEND - ON_THE_WAY)


def limit_sending(send_by: datetime, best_before: datetime | None, at: datetime) -> datetime:
    """Return until when goods have to be sent, so that they arrive in time, but never at once."""
    return send_by if best_before is None else max(at + SHORTEST, min(send_by, best_before - ON_THE_WAY))
