"""The table of requests that were carried out under an `Idempotency-Key`."""

from datetime import timedelta

from sqlalchemy import Column, LargeBinary, SmallInteger, String, Table, Uuid, delete, func
from sqlalchemy.orm import Session

from chassis.data.database import Moment, tables

RETENTION = timedelta(hours=24)

idempotency_keys = Table(
    "idempotency_keys",
    tables,
    Column("caller_id", Uuid, primary_key=True),
    Column("method", String(10), primary_key=True),
    Column("path", String(500), primary_key=True),
    Column("key", String(100), primary_key=True),
    Column("body_hash", LargeBinary, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("location", String(500), nullable=False),
    Column("used_at", Moment, nullable=False, server_default=func.now(), index=True),
)


def delete_expired(session: Session) -> None:
    """Delete keys older than 24 hours."""
    session.execute(delete(idempotency_keys).where(idempotency_keys.c.used_at < func.now() - RETENTION))
