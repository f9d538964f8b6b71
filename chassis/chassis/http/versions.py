"""Nobody changes what they have not seen: `ETag` on every answer about one thing, `If-Match` judged on the row as it is locked."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Protocol

from flask import Response, request
from sqlalchemy.orm import Session
from werkzeug.datastructures import ETags

from chassis.problems import problem

stale = problem(412, "stale", zh="内容已被更改，请刷新后再试", en="It has changed since you saw it, look again")
precondition_needed = problem(428, "precondition_needed", zh="须以 If-Match 注明所见版本", en="Say which version you saw (If-Match)")
no_precondition = problem(400, "no_precondition", zh="此处不接受 If-Match", en="Nothing here is judged by If-Match")


class Versioned(Protocol):
    @property
    def version(self) -> Any: ...


@dataclass
class _Seen:
    """The tags that a request says it has seen, and whether anything was compared with them."""

    tags: ETags
    compared: bool = False


def is_versioned(route: Any) -> bool:
    """Whether a route answers with one thing that has a version."""
    schema = getattr(route, "_spec", {}).get("response", {}).get("schema")
    return "version" in getattr(schema, "_declared_fields", {})


def read_if_match(session: Session) -> None:
    """Remember with the session what the request says it has seen. Raises `precondition_needed` for a PATCH or PUT that does not say."""
    if "If-Match" in request.headers and request.method not in {"GET", "HEAD"}:
        session.info["seen"] = _Seen(request.if_match)
    elif request.method in {"PATCH", "PUT"}:
        raise precondition_needed()


def check_if_match(session: Session, row: Versioned) -> None:
    """Raises `stale` when the request named other versions than the one that `row`, which the session has locked, is at."""
    seen: _Seen | None = session.info.get("seen")
    if seen is None:
        return
    seen.compared = True
    named = {(tag or "").partition(".")[0] for tag in seen.tags.as_set()}
    if not seen.tags.star_tag and str(row.version) not in named:
        raise stale(headers={"ETag": f'"{row.version}"'})


def require_checked(session: Session) -> None:
    """Raises `no_precondition` when nothing was compared with what the request says it has seen: it would go by unheeded."""
    seen: _Seen | None = session.info.get("seen")
    if seen is not None and not seen.compared:
        raise no_precondition()


def set_etag(response: Response) -> None:
    """Give the answer its `ETag`: the version, and a digest of what just this caller sees; 304 when they have it already."""
    if response.status_code not in {200, 201, 202}:
        return
    body = response.get_data()
    etag = f"{json.loads(body)['version']}.{hashlib.blake2b(body, digest_size=8).hexdigest()}"
    response.set_etag(etag)
    if request.method in {"GET", "HEAD"} and request.if_none_match.contains_weak(etag):
        response.status_code = 304
        response.set_data(b"")
