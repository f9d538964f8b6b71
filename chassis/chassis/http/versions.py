"""Optimistic locking: `ETag` on every response about one thing, `If-Match` checked on the locked row."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Protocol

from flask import Response, request
from sqlalchemy.orm import Session
from werkzeug.datastructures import ETags

from chassis.problems import problem

stale = problem(412, "stale", zh="内容已被更改，请刷新后再试", en="This has changed since you opened it. Reload it and try again.")
precondition_needed = problem(
    428, "precondition_needed", zh="请用 If-Match 注明您看到的版本", en="State in If-Match which version you saw."
)
no_precondition = problem(
    400, "no_precondition", zh="这里不接受 If-Match，请去掉后重试", en="If-Match is not accepted here. Send the request without it."
)


class Versioned(Protocol):
    """A row with a version."""

    @property
    def version(self) -> Any:
        """A number that grows with every change."""
        ...


@dataclass
class _Seen:
    """The tags in `If-Match`, and whether a row was checked against them."""

    tags: ETags
    compared: bool = False


def is_versioned(route: Any) -> bool:
    """Tell whether a route answers with one thing that has a version."""
    schema = getattr(route, "_spec", {}).get("response", {}).get("schema")
    return "version" in getattr(schema, "_declared_fields", {})


def read_if_match(session: Session) -> None:
    """Store `If-Match` with the session. Raises `precondition_needed` for a PATCH or PUT without it."""
    if "If-Match" in request.headers and request.method not in {"GET", "HEAD"}:
        session.info["seen"] = _Seen(request.if_match)
    elif request.method in {"PATCH", "PUT"}:
        raise precondition_needed()


def check_if_match(session: Session, row: Versioned) -> None:
    """Check the version of a row against `If-Match`; call it after the session has locked the row.

    Raises `stale` when the request names other versions; does nothing without `If-Match`.
    """
    seen: _Seen | None = session.info.get("seen")
    if seen is None:
        return
    seen.compared = True
    named = {(tag or "").partition(".")[0] for tag in seen.tags.as_set()}
    if not seen.tags.star_tag and str(row.version) not in named:
        raise stale(headers={"ETag": f'"{row.version}"'})


def require_checked(session: Session) -> None:
    """Raise `no_precondition` when the request has `If-Match` and no row was checked: it would be ignored silently."""
    seen: _Seen | None = session.info.get("seen")
    if seen is not None and not seen.compared:
        raise no_precondition()


def set_etag(response: Response) -> None:
    """Set `ETag`: the version, and a digest of what this caller sees. Answer 304 when the caller has it already."""
    if response.status_code in {200, 201, 202}:
        body = response.get_data()
        _set_tag(response, f"{json.loads(body)['version']}.{_digest(body)}")


def set_content_etag(response: Response) -> None:
    """Set `ETag` to a digest of what this caller sees, for lists, which have no version. Answer 304 when the caller has it already."""
    if response.status_code == 200:
        _set_tag(response, _digest(response.get_data()))


def _digest(body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=8).hexdigest()


def _set_tag(response: Response, etag: str) -> None:
    response.set_etag(etag)
    if request.method in {"GET", "HEAD"} and request.if_none_match.contains_weak(etag):
        response.status_code = 304
        response.set_data(b"")
