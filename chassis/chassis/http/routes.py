"""Guards of routes: roles, one transaction per request, idempotency keys and versions."""

from collections.abc import Callable, Collection
from functools import wraps
from typing import Any

from flask import Response, current_app, g, make_response, request
from sqlalchemy.orm import Session

from chassis.data import audit_log
from chassis.data.database import Database, is_transient
from chassis.data.regions import RememberedChanges, regions_of_session
from chassis.http import idempotency, openapi, rate_limits, shown, versions
from chassis.http.auth import ANYONE, SIGNED_IN, Caller, Keys, View, caller_of_request, is_signed_in
from chassis.http.cookies import READS, foreign_origin
from chassis.messaging import outbox
from chassis.ops import tracing
from chassis.problems import not_allowed, second_factor_needed, sign_in_needed

BODY_BYTES = 64 * 1024


def access(
    *,
    who: Collection[str],
    x_view: View,
    idempotent: bool = True,
    second_factor: bool = True,
    body_bytes: int = BODY_BYTES,
    body_types: Collection[str] = (),
    slow: bool = False,
    tagged: bool = False,
    takes_ticket: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Response]]:
    """Guard a route.

    `who` lists the kinds of users that may call it; an empty list means anyone. `x_view` only says in the OpenAPI document whose data the
    route shows; queries filter by the caller. The route function gets the session and the caller first. Its transaction commits with the
    answer and rolls back when the function raises.

    A signed-in POST may carry an `Idempotency-Key` unless `idempotent` is False. A route for anyone that is not idempotent, such as
    signing in, reads no token: a caller with an expired token can get a new one.

    Every request but reading needs a second factor of administrators above the village. `second_factor=False` spares routes that
    change the caller's own account alone.

    The body has at most `body_bytes`. With `body_types` the route takes a file of one of these media types instead of JSON and reads it
    with `request.get_data()`.

    A `slow` route takes much processor time, as hashing a password does. At most a quarter of the process's threads answer such
    requests at once, so that others do not wait behind them.

    A route that `takes_ticket` accepts the parameter `ticket` in place of a token, once (`auth.ticket_of`).

    A `tagged` route answers with an `ETag` of its content, and with 304 when the caller has the same already: for lists that many ask for.
    """
    signs_in = not who and not idempotent

    def decorate(function: Callable[..., Any]) -> Callable[..., Response]:
        is_versioned = versions.is_versioned(function)

        @wraps(function)
        def guarded(**arguments: Any) -> Response:
            database: Database = current_app.extensions["database"]
            keys: Keys = current_app.extensions["keys"]
            span = tracing.span(f"{request.method} {request.url_rule}", request.headers.get("traceparent"), "server")
            keyed: Caller | None = None
            opened: Session | None = None
            try:
                is_read = not who and request.method in READS and not is_signed_in()
                transaction, remembered = (database.read(), _remembered_regions()) if is_read else (database.begin(), None)
                with span as trace, transaction as session, regions_of_session(session, remembered):
                    opened = session
                    outbox.continue_trace(session, trace)
                    caller = _caller(keys, who, signs_in, session, takes_ticket)
                    if who and second_factor:
                        _refuse_auditor(caller)
                        _require_second_factor(caller)
                    if "is_repeat" not in g:
                        if caller and idempotent and request.method == "POST" and "Idempotency-Key" in request.headers:
                            idempotency.start(caller.id)
                            keyed = caller
                        versions.read_if_match(session)
                    response: Response = make_response(function(session, caller, **arguments))
                    versions.require_checked(session)
                    if response.status_code < 400:
                        shown.record_shown(session, caller, function.__name__)
                    audit_log.write_refusals(session)
                    if is_versioned:
                        versions.set_etag(response)
                    elif tagged:
                        versions.set_content_etag(response)
                    if keyed:
                        idempotency.store_response(session, keyed.id, response)
                    return response
            except Exception as error:
                if opened is not None and not is_transient(error):
                    audit_log.write_refusals(opened, database)
                earlier = _find_earlier(database, keyed) if keyed and not is_transient(error) else None
                if earlier is None:
                    raise
            finally:
                if keyed:
                    idempotency.finish(keyed.id)
            return _answer_again(earlier)

        openapi.record_access(guarded, function.__name__, who, x_view, idempotent, second_factor, is_versioned, tagged, body_types)
        guarded.body_bytes = body_bytes  # type: ignore[attr-defined]
        guarded.slow = slow  # type: ignore[attr-defined]
        guarded.body_types = frozenset(body_types)  # type: ignore[attr-defined]
        return guarded

    return decorate


def _remembered_regions() -> RememberedChanges:
    remembered: RememberedChanges = current_app.extensions["regions"]
    return remembered


def _caller(keys: Keys, who: Collection[str], signs_in: bool, session: Session, takes_ticket: bool) -> Caller | None:
    """Return the caller. Each request counts once against a rate limit, whatever its outcome; repeated ones are not counted again."""
    try:
        caller = None if signs_in else caller_of_request(keys, SIGNED_IN if who else ANYONE, lambda: session, takes_ticket)
    except (sign_in_needed, foreign_origin):
        rate_limits.count_request(None, signs_in=False)
        raise
    if "is_repeat" not in g:
        rate_limits.count_request(caller, signs_in)
    if caller and who and caller.kind not in who:
        raise not_allowed()
    return caller


def _refuse_auditor(caller: Caller | None) -> None:
    """Raise `not_allowed` for an act of somebody who audits and manages nothing: auditors read."""
    is_act = caller and request.method not in READS and "is_repeat" not in g
    if caller and is_act and not caller.regions and caller.audited_regions:
        raise not_allowed()


def _require_second_factor(caller: Caller | None) -> None:
    """Raise `second_factor_needed` for an act of an administrator above the village who gave no second factor in this sign-in."""
    if caller and request.method not in READS and "is_repeat" not in g and caller.needs_second_factor:
        raise second_factor_needed()


def _find_earlier(database: Database, caller: Caller) -> idempotency.Earlier | None:
    """Return the outcome of an earlier request with the same key, which may be why this one was refused."""
    with database.begin() as session:
        return idempotency.find_earlier(session, caller.id)


def _answer_again(earlier: idempotency.Earlier) -> Response:
    """Answer a repeated request with the thing as it is now, as far as its caller may see it."""
    g.is_repeat = True
    endpoint, arguments = current_app.url_map.bind("").match(earlier.location, method="GET")
    response = make_response(current_app.view_functions[endpoint](**arguments))
    response.status_code = earlier.status
    response.headers["Location"] = earlier.location
    return response
