"""The same POST sent twice is done once: `Idempotency-Key`, for one caller, method and path, for 24 hours."""

import hashlib
from dataclasses import dataclass
from uuid import UUID

from flask import Response, request
from sqlalchemy import Column, LargeBinary, SmallInteger, String, Table, Uuid, func, text
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

# One statement for both: whoever held the lock may have committed after it looked, which `_KEEP` notices.
_LOOK = text(
    "SELECT pg_try_advisory_xact_lock(:lock) AS is_free, body_hash, status, location FROM (VALUES (1)) AS once"
    " LEFT JOIN idempotency_keys ON caller_id = :caller_id AND method = :method AND path = :path AND key = :key"
    " AND used_at > now() - interval '24 hours'"
)
_KEEP = text(
    "INSERT INTO idempotency_keys (caller_id, method, path, key, body_hash, status, location)"
    " VALUES (:caller_id, :method, :path, :key, :body_hash, :status, :location)"
    " ON CONFLICT (caller_id, method, path, key) DO UPDATE"
    " SET body_hash = excluded.body_hash, status = excluded.status, location = excluded.location, used_at = now()"
    " WHERE idempotency_keys.used_at <= now() - interval '24 hours'"
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
    row = session.execute(_LOOK, _same(caller_id, key) | {"lock": int.from_bytes(lock[:8], signed=True)}).one()
    if not row.is_free:
        raise in_progress(retry_after_seconds=1)
    if row.status is None:
        return None
    if row.body_hash != _body_hash():
        raise key_reused()
    return Done(row.status, row.location)


def after(session: Session, caller_id: UUID, response: Response) -> None:
    """Remember what the request came to, in its own transaction. The response must name the thing in `Location`.

    Raises `in_progress` when the same request was done by another transaction that ended after `before` had looked.
    """
    stated = _same(caller_id, request.headers["Idempotency-Key"]) | {
        "body_hash": _body_hash(),
        "status": response.status_code,
        "location": response.headers["Location"],
    }
    if not session.execute(_KEEP, stated).rowcount:  # type: ignore[attr-defined]
        raise in_progress(retry_after_seconds=1)


def forget(session: Session) -> None:
    """Drop keys that no longer count."""
    session.execute(text("DELETE FROM idempotency_keys WHERE used_at < now() - interval '24 hours'"))


def _same(caller_id: UUID, key: str) -> dict[str, object]:
    return {"caller_id": caller_id, "method": request.method, "path": request.path, "key": key}


def _body_hash() -> bytes:
    # Keyed, because a body may hold a national id, of which there are few enough to try them all.
    return fingerprint(request.get_data(cache=True))
