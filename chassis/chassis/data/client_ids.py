"""Ids that a client made, for what it may have to send again after days without a network."""

from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

T = TypeVar("T")


def find_sent_before(session: Session, entity: type[T], identifier: UUID) -> T | None:
    """Return the row that has this id, or None when the caller may insert it.

    Whoever else sends the id waits until this transaction ends.
    """
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"{entity.__name__} {identifier}", 0))))
    columns: Any = entity
    found: T | None = session.scalar(select(entity).where(columns.id == identifier))
    return found
