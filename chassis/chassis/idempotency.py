"""The same POST sent twice is done once: `Idempotency-Key`, for one caller, method and path, for 24 hours."""

import hashlib
from dataclasses import dataclass
from uuid import UUID

from flask import Response, request
from sqlalchemy import Column, ColumnElement, LargeBinary, SmallInteger, String, Table, Uuid, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.database import Moment, tables
from chassis.problems import in_progress, invalid, key_reused
from chassis.sealed import fingerprint

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


@dataclass(frozen=True)
class Done:
    """What an earlier request with the same key came to: its status and the address of the thing it made or changed."""

    status: int
    location: str


def before(session: Session, caller_id: UUID) -> Done | None:
    """What this request came to earlier, if it was sent before.

    Raises `in_progress` while the first one runs, `key_reused` when the body differs, `invalid` for an unusable key.
    """
    key = request.headers["Idempotency-Key"]
    if not 1 <= len(key) <= 100 or not key.isascii() or not key.isprintable():
        raise invalid(errors=[{"pointer": "#header/Idempotency-Key", "code": "text_form"}])
    lock = hashlib.sha256(f"{caller_id} {request.method} {request.path} {key}".encode()).digest()
    if not session.scalar(select(func.pg_try_advisory_xact_lock(int.from_bytes(lock[:8], signed=True)))):
        raise in_progress(retry_after_seconds=1)
    row = session.execute(
        select(idempotency_keys).where(*_same(caller_id, key), idempotency_keys.c.used_at > text("now() - interval '24 hours'"))
    ).first()
    if row is None:
        return None
    if row.body_hash != _body_hash():
        raise key_reused()
    return Done(row.status, row.location)


def after(session: Session, caller_id: UUID, response: Response) -> None:
    """Remember what the request came to, in its own transaction. The response must name the thing in `Location`."""
    row = insert(idempotency_keys).values(
        caller_id=caller_id,
        method=request.method,
        path=request.path,
        key=request.headers["Idempotency-Key"],
        body_hash=_body_hash(),
        status=response.status_code,
        location=response.headers["Location"],
    )
    session.execute(
        row.on_conflict_do_update(
            index_elements=list(idempotency_keys.primary_key.columns),
            set_={
                "body_hash": row.excluded.body_hash,
                "status": row.excluded.status,
                "location": row.excluded.location,
                "used_at": func.now(),
            },
        )
    )


def forget(session: Session) -> None:
    """Drop keys that no longer count."""
    session.execute(text("DELETE FROM idempotency_keys WHERE used_at < now() - interval '24 hours'"))


def _same(caller_id: UUID, key: str) -> tuple[ColumnElement[bool], ...]:
    columns = idempotency_keys.c
    return columns.caller_id == caller_id, columns.method == request.method, columns.path == request.path, columns.key == key


def _body_hash() -> bytes:
    # Keyed, because a body may hold a national id, of which there are few enough to try them all.
    return fingerprint(request.get_data(cache=True))
