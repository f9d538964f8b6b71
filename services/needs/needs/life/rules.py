"""Rules of a need's life: its expiry, the reminder before it, who changed it, and how long a village may be silent."""

from datetime import datetime, timedelta

from needs.life.model import Change
from needs.model import Need

REMINDED_BEFORE = timedelta(days=7)
"""The time before its expiry at which a need's side is reminded, once for each period."""
SHORTEST_WARNING = timedelta(days=3)
"""The least time between a reminder and the expiry, also after timers stood still."""
SILENT_AFTER = timedelta(days=60)
"""The time without a post after which a village with registered households is silent."""


def find_expiry(need: Need, days: int, start: datetime) -> datetime:
    """Return when a need expires whose period of so many days begins at `start`; a renewal never shortens it."""
    due = start + timedelta(days=days)
    return max(due, need.expires_at) if need.expires_at else due


def actor_of(change: Change, need: Need) -> str:
    """Return the role in which somebody made a change: `household`, `poster`, `administrator`, or `system` for nobody."""
    if change.by_id is None:
        return "system"
    if change.by_id == need.account_id:
        return "household"
    return "poster" if change.by_id == need.poster_id else "administrator"
