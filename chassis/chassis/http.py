"""What a service answers over HTTP: one transaction a request, every error a problem in two languages, every route guarded."""

import logging
import sys
from collections.abc import Callable, Collection
from functools import wraps
from time import perf_counter
from typing import Any

from apiflask import APIBlueprint, APIFlask
from apiflask.exceptions import HTTPError
from apiflask.schema_adapters.marshmallow import parser
from flask import Flask, Response, current_app, g, make_response, request
from granian.constants import Interfaces
from sqlalchemy import text
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException

from chassis import (
    deadlines,
    draining,
    headers,
    idempotency,
    metrics,
    openapi,
    outbox,
    problems,
    rates,
    strict,
    telemetry,
    tracing,
    versions,
)
from chassis.auth import ANYONE, SIGNED_IN, Caller, FetchedKeys, Keys, View, caller_of_request
from chassis.database import Database, is_passing, is_too_slow
from chassis.dead_letters.api import blueprint
from chassis.problems import FIELD_WORDS, FRAMEWORK, Problem, bad_request, broken, invalid, not_allowed, sign_in_needed, unavailable
from chassis.settings import Settings, WebSettings

log = logging.getLogger(__name__)
# webargs drops unknown keys of an address by itself; our schemas are to decide, and refuse them.
parser.unknown = None
BODY_BYTES = 64 * 1024


def access(
    *, who: Collection[str], view: View, idempotent: bool = True, body_bytes: int = BODY_BYTES, body_types: Collection[str] = ()
) -> Callable[[Callable[..., Any]], Callable[..., Response]]:
    """Guard a route: `who` may call it (kinds of users; none means anyone), and which `view` of the data it gives.

    The route function is called with a session and the caller first; the transaction commits when its answer stands, and rolls
    back when it raises. A POST by somebody signed in may carry an `Idempotency-Key` unless `idempotent` is False. A route for anyone
    that is not idempotent, as signing in, looks at no token, so that whoever holds one that is over gets a new one.
    Its body has at most `body_bytes`. With `body_types` it takes no JSON but the bytes of a file of one of these media types,
    and finds them in `request.get_data()`.
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
            try:
                with span as trace, database.begin() as session:
                    outbox.follow(session, trace)
                    caller = _caller(keys, who, signs_in, session)
                    if "again" not in g:
                        if caller and idempotent and request.method == "POST" and "Idempotency-Key" in request.headers:
                            idempotency.begin(caller.id)
                            keyed = caller
                        versions.follow(session)
                    response: Response = make_response(function(session, caller, **arguments))
                    versions.require_compared(session)
                    if is_versioned:
                        versions.tag(response)
                    if keyed:
                        idempotency.keep(session, keyed.id, response)
                    return response
            except Exception as error:
                earlier = _done_before(database, keyed) if keyed and not is_passing(error) else None
                if earlier is None:
                    raise
            finally:
                if keyed:
                    idempotency.end(keyed.id)
            return _again(earlier)

        openapi.note_access(guarded, function.__name__, who, view, idempotent, is_versioned, body_types)
        guarded.body_bytes = body_bytes  # type: ignore[attr-defined]
        guarded.body_types = frozenset(body_types)  # type: ignore[attr-defined]
        return guarded

    return decorate


def _caller(keys: Keys, who: Collection[str], signs_in: bool, session: Session) -> Caller | None:
    """Who asks. Every request counts once for somebody, whatever it comes to; looking at what was done before counts no more."""
    try:
        caller = None if signs_in else caller_of_request(keys, SIGNED_IN if who else ANYONE, lambda: session)
    except sign_in_needed:
        rates.spend(None, signs_in=False)
        raise
    if "again" not in g:
        rates.spend(caller, signs_in)
    if caller and who and caller.kind not in who:
        raise not_allowed()
    return caller


def _done_before(database: Database, caller: Caller) -> idempotency.Done | None:
    """What the same request came to before, which this one noticed in the end, or which may be why it was refused."""
    with database.begin() as session:
        return idempotency.done(session, caller.id)


def _again(earlier: idempotency.Done) -> Response:
    """Answer a repeated request with the thing as it stands now, as its caller may see it now."""
    g.again = True
    endpoint, arguments = current_app.url_map.bind("").match(earlier.location, method="GET")
    response = make_response(current_app.view_functions[endpoint](**arguments))
    response.status_code = earlier.status
    response.headers["Location"] = earlier.location
    return response


class Web(APIFlask):
    def ensure_sync(self, func: Any) -> Any:
        """No function here is a coroutine, which Flask would find out a dozen times a request."""
        return func


def create_app(service: str, api: APIBlueprint, *, database: Database | None = None, keys: Keys | None = None) -> APIFlask:
    """The WSGI application of a service, told by its environment what is not given. Raises `Unguarded` for a route without `access`."""
    web = WebSettings.of_environment()
    if database is None or keys is None:
        settings = Settings.of(service)
        database = database or Database.of_web(settings, web)
        metrics.serve(settings, "web", database)
        keys = keys or FetchedKeys(settings.jwks_url, database)
    app = Web(service, title=f"Duijie {service} 对接", version="1", docs_path=None, spec_path=f"/openapi/{service}.json", json_errors=False)
    app.config.update(openapi.CONFIG, MAX_CONTENT_LENGTH=BODY_BYTES)
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.extensions.update(database=database, keys=keys, rates=rates.Rates(web))
    _measure(app, service)
    headers.keep(app, web)
    draining.keep(app)
    app.before_request(_limit_body)
    deadlines.keep(app, database, web)
    app.before_request(_read_strictly)
    for kind in (Exception, HTTPError):
        app.register_error_handler(kind, _refuse)
    app.register_blueprint(api)
    app.register_blueprint(blueprint(service))
    _require_access(app)
    app.add_url_rule("/livez", "livez", lambda: {"status": "ok"})
    app.add_url_rule("/readyz", "readyz", _ready)
    app.spec_processor(openapi.finish)
    return app


def _measure(app: Flask, service: str) -> None:
    @app.before_request
    def begin() -> None:
        g.began = perf_counter()

    @app.after_request
    def end(response: Response) -> Response:
        labels = (service, request.method, str(request.url_rule)) if request.url_rule else (service, "any", "none")
        metrics.request_seconds.labels(*labels).observe(perf_counter() - g.began)
        metrics.requests.labels(*labels, response.status_code).inc()
        return response


def _limit_body() -> None:
    view = current_app.view_functions.get(request.endpoint or "")
    request.max_content_length = getattr(view, "body_bytes", BODY_BYTES)


def _read_strictly() -> None:
    view = current_app.view_functions.get(request.endpoint or "")
    g.body = strict.check(request, getattr(view, "body_types", frozenset()))


@parser.location_loader("json")
def _body_as_read(*_: object) -> Any:
    return g.body


class Unguarded(Exception):
    """A route says neither who may call it nor what it shows."""


def _require_access(app: Flask) -> None:
    for rule in app.url_map.iter_rules():
        if rule.endpoint not in {"static", "openapi.spec"} and not hasattr(app.view_functions[rule.endpoint], "access"):
            raise Unguarded(f"{rule}: declare `@access(who=…, view=…)`")


def _ready() -> Any:
    """Ready is who reaches its database, knows the keys that tokens are signed with, and was not told to stop."""
    if draining.has_begun():
        raise unavailable(retry_after_seconds=2)
    current_app.extensions["keys"].current()
    with current_app.extensions["database"].begin() as session:
        session.execute(text("SELECT 1"))
    return {"status": "ok"}


def _refuse(error: Exception) -> Response:
    return problems.answer(_problem_of(error))


def _problem_of(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, HTTPError) and isinstance(error.detail, dict):
        return invalid(errors=_pointers(error.detail))
    if isinstance(error, HTTPException) and error.code is not None and error.code < 500:
        return FRAMEWORK.get(error.code, bad_request)()
    if is_passing(error) or is_too_slow(error):
        said = "a statement took too long" if is_too_slow(error) else "the database is away"
        log.warning(said, extra={"error": type(error).__name__, "endpoint": request.endpoint})
        return unavailable(retry_after_seconds=2)
    log.error("a request broke", exc_info=error, extra={"endpoint": request.endpoint})
    return broken()


def _pointers(found: dict[str, Any]) -> list[dict[str, str]]:
    """marshmallow's messages, which are codes here, each with a pointer to the field it is about."""
    errors = []

    def walk(node: Any, path: str) -> None:
        if isinstance(node, dict):
            for key, below in node.items():
                walk(below, path if key == "_schema" else f"{path}/{_step(key)}")
        else:
            code = str(node[0]) if isinstance(node, list) and node else "wrong"
            errors.append({"pointer": path, "code": code if code in FIELD_WORDS else "wrong"})

    for location, messages in found.items():
        walk(messages, "#" if location == "json" else f"#{location}")
    return errors


def _step(key: object) -> str:
    """A field's name in a JSON pointer; whatever a caller made up as one."""
    return str(key)[:100].encode(errors="replace").decode().replace("~", "~0").replace("/", "~1")


def serve(service: str) -> None:
    """Run a service's `web:create` on Granian until told to stop."""
    settings, web = Settings.of(service), WebSettings.of_environment()
    telemetry.start(service, "web")
    # A thread for each who waits or sends, so that how long they do is known here, and health is answered meanwhile.
    threads = web.web_threads * deadlines.AT_ONCE * 2
    server = draining.Server(
        f"{service}.web:create",
        factory=True,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        blocking_threads=threads,
        websockets=False,
        log_enabled=False,
        backpressure=threads,
        workers_kill_timeout=30,
        drain_seconds=web.drain_seconds,
    )
    server.serve()


def main() -> None:
    serve(sys.argv[1])


if __name__ == "__main__":
    main()
