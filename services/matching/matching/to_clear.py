"""The list of needs and pledges whose book entry changed and that a clearing has to look at."""

from collections.abc import Collection
from typing import Literal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

CHANNEL = "to_clear"

# Updating the row that stands already takes its lock: a clearing that runs now passes it over, or is waited for. Doing nothing
# instead would lose the wake-up when that clearing has not seen this change and deletes the row.
_ADD = text(
    "INSERT INTO to_clear (side, id) SELECT :side, id FROM unnest(CAST(:ids AS uuid[])) AS id ORDER BY id"
    " ON CONFLICT (side, id) DO UPDATE SET due_at = least(to_clear.due_at, excluded.due_at)"
)
_WAKE = text(f"SELECT pg_notify('{CHANNEL}', '')")


def add(session: Session, side: Literal["need", "pledge"], ids: Collection[UUID]) -> None:
    """Have these looked at as soon as the transaction commits."""
    if ids:
        session.execute(_ADD, {"side": side, "ids": sorted(ids)})
        session.execute(_WAKE)
