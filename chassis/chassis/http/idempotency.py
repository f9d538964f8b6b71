"""Idempotency keys: the same POST sent twice is carried out once, for one caller, method and path, for 24 hours."""

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
# The events of the request are written in the same round trip.
_STORE = f"""WITH inserted AS ({INSERT})
    INSERT INTO idempotency_keys (caller_id, method, path, key, body_hash, status, location)
    VALUES (%(caller_id)s, %(method)s, %(path)s, %(key)s, %(body_hash)s, %(status)s, %(location)s)
    ON CONFLICT (caller_id, method, path, key) DO UPDATE
    SET body_hash = excluded.body_hash, status = excluded.status, location = excluded.location, used_at = now()
    WHERE idempotency_keys.used_at <= now() - interval '24 hours'"""
_at_work: set[tuple[object, ...]] = set()
"""Requests that run in this process. This spares repeating them meanwhile; `_STORE` guarantees that none is carried out twice."""


@dataclass(frozen=True)
class Earlier:
    """The outcome of an earlier request with the same key: its status, and the address of the thing it made or changed."""

    status: int
    location: str


def start(caller_id: UUID) -> None:
    """Mark the present request as running in this process, until `finish`.

    Raises `in_progress` when it already is, `invalid` for an unusable key.
    """
    key = request.headers["Idempotency-Key"]
    if not 1 <= len(key) <= 100 or not key.isascii() or not key.isprintable():
        raise invalid(errors=[{"pointer": "#header/Idempotency-Key", "code": "text_form"}])
    same = tuple(_same(caller_id).values())
    if same in _at_work:
        raise in_progress(retry_after_seconds=1)
    _at_work.add(same)


def finish(caller_id: UUID) -> None:
    """Forget that the present request is running."""
    _at_work.discard(tuple(_same(caller_id).values()))


def store_response(session: Session, caller_id: UUID, response: Response) -> None:
    """Store the outcome of the request in its own transaction. The response must name the thing in `Location`.

    Raises `in_progress` when the same request was carried out before, or by another process meanwhile, for which it waits.
    """
    session.flush()
    stated = {"body_hash": _body_hash(), "status": response.status_code, "location": response.headers["Location"]}
    kept = session.connection().exec_driver_sql(_STORE, _same(caller_id) | stated | insert_parameters(pop_unwritten(session)))
    if not kept.rowcount:
        raise in_progress(retry_after_seconds=1)


def find_earlier(session: Session, caller_id: UUID) -> Earlier | None:
    """Return the outcome of an earlier request with the same key, or None. Raises `key_reused` when its body differed."""
    row = session.execute(_FIND, _same(caller_id)).one_or_none()
    if row is None:
        return None
    if row.body_hash != _body_hash():
        raise key_reused()
    return Earlier(row.status, row.location)


def _same(caller_id: UUID) -> dict[str, object]:
    return {"caller_id": caller_id, "method": request.method, "path": request.path, "key": request.headers["Idempotency-Key"]}


def _body_hash() -> bytes:
    # Keyed, because a body may hold a national id, and all of those can be tried.
    return fingerprint(request.get_data(cache=True))
