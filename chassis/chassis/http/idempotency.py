"""The same POST sent twice is done once: `Idempotency-Key`, for one caller, method and path, for 24 hours."""

from dataclasses import dataclass
from uuid import UUID

from flask import Response, request
from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.data.encryption import fingerprint
from chassis.messaging.outbox import INSERT, insert_parameters, pop_unwritten
from chassis.problems import in_progress, invalid, key_reused

_FIND = text(
    "SELECT body_hash, status, location FROM idempotency_keys"
    " WHERE caller_id = :caller_id AND method = :method AND path = :path AND key = :key AND used_at > now() - interval '24 hours'"
)
# What the request has to tell goes with it, in one round trip.
_STORE = f"""WITH told AS ({INSERT})
    INSERT INTO idempotency_keys (caller_id, method, path, key, body_hash, status, location)
    VALUES (%(caller_id)s, %(method)s, %(path)s, %(key)s, %(body_hash)s, %(status)s, %(location)s)
    ON CONFLICT (caller_id, method, path, key) DO UPDATE
    SET body_hash = excluded.body_hash, status = excluded.status, location = excluded.location, used_at = now()
    WHERE idempotency_keys.used_at <= now() - interval '24 hours'"""
_at_work: set[tuple[object, ...]] = set()
"""Requests that this process is carrying out. It spares repeating them meanwhile; that nothing is done twice, `_STORE` sees to."""


@dataclass(frozen=True)
class Earlier:
    """What an earlier request with the same key came to: its status and the address of the thing it made or changed."""

    status: int
    location: str


def start(caller_id: UUID) -> None:
    """Carry the present request out, until `finish`.

    Raises `in_progress` while this process does so already, `invalid` for an unusable key.
    """
    key = request.headers["Idempotency-Key"]
    if not 1 <= len(key) <= 100 or not key.isascii() or not key.isprintable():
        raise invalid(errors=[{"pointer": "#header/Idempotency-Key", "code": "text_form"}])
    same = tuple(_same(caller_id).values())
    if same in _at_work:
        raise in_progress(retry_after_seconds=1)
    _at_work.add(same)


def finish(caller_id: UUID) -> None:
    _at_work.discard(tuple(_same(caller_id).values()))


def store_response(session: Session, caller_id: UUID, response: Response) -> None:
    """Remember what the request came to, in its own transaction. The response must name the thing in `Location`.

    Raises `in_progress` when the same request was carried out before, or by somebody else meanwhile, for whom it waits.
    """
    session.flush()
    stated = {"body_hash": _body_hash(), "status": response.status_code, "location": response.headers["Location"]}
    kept = session.connection().exec_driver_sql(_STORE, _same(caller_id) | stated | insert_parameters(pop_unwritten(session)))
    if not kept.rowcount:
        raise in_progress(retry_after_seconds=1)


def find_earlier(session: Session, caller_id: UUID) -> Earlier | None:
    """What this request came to earlier, if it was carried out before. Raises `key_reused` when that one's body differs."""
    row = session.execute(_FIND, _same(caller_id)).one_or_none()
    if row is None:
        return None
    if row.body_hash != _body_hash():
        raise key_reused()
    return Earlier(row.status, row.location)


def _same(caller_id: UUID) -> dict[str, object]:
    return {"caller_id": caller_id, "method": request.method, "path": request.path, "key": request.headers["Idempotency-Key"]}


def _body_hash() -> bytes:
    # Keyed, because a body may hold a national id, of which there are few enough to try them all.
    return fingerprint(request.get_data(cache=True))
