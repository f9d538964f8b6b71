"""Ids that a client made, for what it may have to send again after days without a network."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Column, LargeBinary, String, Table, Uuid, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.data.database import Moment, tables
from chassis.data.encryption import fingerprint
from chassis.problems import id_taken

RETENTION = timedelta(days=31)
"""Longer than an id may be old when it is sent (`chassis.http.fields.FreshId`)."""
T = TypeVar("T")

client_ids = Table(
    "client_ids",
    tables,
    Column("entity", String(50), primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("caller_id", Uuid, nullable=False),
    Column("content_hash", LargeBinary, nullable=False),
    Column("sent_at", Moment, nullable=False, server_default=func.now(), index=True),
)


def find_sent_before(session: Session, entity: type[T], caller_id: UUID, wanted: Mapping[str, Any]) -> T | None:
    """Return the row that this caller made before with the same id and content, or None when the caller may insert it.

    Whoever else sends the id waits until this transaction ends. Raises `id_taken` for an id of somebody else, of other content, or of a
    row that is gone: the answers are the same.
    """
    columns: Any = entity
    found: T | None = session.scalar(select(entity).where(columns.id == wanted["id"]))
    sent = {"entity": entity.__name__, "id": wanted["id"], "caller_id": caller_id, "content_hash": _hash(wanted)}
    if found is None and session.scalar(insert(client_ids).values(sent).on_conflict_do_nothing().returning(client_ids.c.id)):
        return None
    if not session.scalar(select(func.count()).where(*(client_ids.c[name] == value for name, value in sent.items()))):
        raise id_taken()
    found = found or session.scalar(select(entity).where(columns.id == wanted["id"]))
    if found is None:
        raise id_taken()
    return found


def delete_expired(session: Session) -> None:
    """Delete ids that are too old to be sent again."""
    session.execute(delete(client_ids).where(client_ids.c.sent_at < func.now() - RETENTION))


def _hash(wanted: Mapping[str, Any]) -> bytes:
    # Keyed, because the content may hold a national id, and all of those can be tried.
    return fingerprint(json.dumps(wanted, sort_keys=True, default=str))
