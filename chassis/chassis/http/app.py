"""The HTTP application of a service: a transaction for each request, problems in two languages, access rules on every route."""

import logging
from time import perf_counter
from typing import Any

from apiflask import APIBlueprint, APIFlask
from apiflask.exceptions import HTTPError
from apiflask.schema_adapters.marshmallow import parser
from flask import Flask, Response, current_app, g, request
from sqlalchemy import select
from werkzeug.exceptions import HTTPException

from chassis import problems
from chassis.data.database import Database, is_statement_timeout, is_transient
from chassis.data.personal_keys import PersonErased
from chassis.data.regions import RememberedChanges
from chassis.http import audit_log, cookies, dead_letters, deadlines, draining, headers, openapi, posted_changes, rate_limits, strict_json
from chassis.http.auth import FetchedKeys, Keys
from chassis.http.front import REFUSED
from chassis.http.rendering import Json
from chassis.http.routes import BODY_BYTES
from chassis.ops import metrics
from chassis.problems import FIELD_WORDS, FRAMEWORK, Problem, bad_request, broken, invalid, not_found, unavailable
from chassis.settings import WebSettings
from chassis.start import read_web_settings

log = logging.getLogger("chassis.http")
# webargs drops unknown query parameters by itself; the schemas must see them, to refuse them.
parser.unknown = None


class Web(APIFlask):
    """An APIFlask application without coroutines, whose JSON is written fast."""

    json_provider_class = Json

    def ensure_sync(self, func: Any) -> Any:
        """Return the function itself: none is a coroutine, and Flask would check that a dozen times a request."""
        return func


def create_app(service: str, api: APIBlueprint, *, database: Database | None = None, keys: Keys | None = None) -> APIFlask:
    """Create the WSGI application of a service. `database` and `keys` are read from the environment unless given.

    Raises `Unguarded` for a route without `access`, and `SettingsError` for a missing or wrong setting.
    """
    web = WebSettings.of_environment()
    if database is None or keys is None:
        settings, web = read_web_settings(service)
        database = database or Database.of_web(settings, web)
        metrics.serve(settings, "web", database)
        keys = keys or FetchedKeys(settings.jwks_url, database)
    app = Web(service, title=f"Duijie {service} 对接", version="1", docs_path=None, spec_path=f"/openapi/{service}.json", json_errors=False)
    app.config.update(openapi.CONFIG, MAX_CONTENT_LENGTH=BODY_BYTES)
    remembered = RememberedChanges(database.remembered_seconds)
    app.extensions.update(database=database, keys=keys, rates=rate_limits.RateLimiter(web), regions=remembered)
    _measure(app, service)
    headers.install(app, web)
    cookies.install(app, web)
    draining.install(app)
    app.before_request(_refuse_early)
    app.before_request(_limit_body)
    deadlines.install(app, database, web)
    app.before_request(_read_strictly)
    for kind in (Exception, HTTPError):
        app.register_error_handler(kind, _refuse)
    app.register_blueprint(api)
    for part in (dead_letters, audit_log):
        app.register_blueprint(part.blueprint(service))
    _require_access(app)
    posted_changes.install(app)
    app.add_url_rule("/livez", "livez", lambda: {"status": "ok"})
    app.add_url_rule("/readyz", "readyz", _ready)
    app.spec_processor(lambda document: openapi.complete(document, app.view_functions.values()))
    _initialise_failures(app, service)
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


def _refuse_early() -> None:
    """Raise the problem that the front found before the request was whole."""
    if refused := request.environ.get(REFUSED):
        raise refused


def _initialise_failures(app: Flask, service: str) -> None:
    """Create the counters of failures with the value 0: Prometheus sees no increase in a counter that begins with its first failure."""
    for rule in app.url_map.iter_rules():
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            for status in (500, 503):
                metrics.requests.labels(service, method, str(rule), status)


def _limit_body() -> None:
    view = current_app.view_functions.get(request.endpoint or "")
    request.max_content_length = getattr(view, "body_bytes", BODY_BYTES)


def _read_strictly() -> None:
    view = current_app.view_functions.get(request.endpoint or "")
    g.body = strict_json.read_body(request, getattr(view, "body_types", frozenset()))


@parser.location_loader("json")
def _body_as_read(*_: object) -> Any:
    return g.body


class Unguarded(Exception):
    """A route has no `@access(who=…, x_view=…)`."""


def _require_access(app: Flask) -> None:
    for rule in app.url_map.iter_rules():
        if rule.endpoint not in {"static", "openapi.spec"} and not hasattr(app.view_functions[rule.endpoint], "access"):
            raise Unguarded(f"{rule}: declare `@access(who=…, x_view=…)`")


def _ready() -> Any:
    """Answer 200 when the database and the public keys are there and the process is not draining, else 503."""
    if draining.is_draining():
        raise unavailable(retry_after_seconds=2)
    current_app.extensions["keys"].current()
    with current_app.extensions["database"].begin() as session:
        session.execute(select(1))
    return {"status": "ok"}


def _refuse(error: Exception) -> Response:
    return problems.answer(_problem_of(error))


def _problem_of(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, PersonErased):
        return not_found()
    if isinstance(error, HTTPError) and isinstance(error.detail, dict):
        return invalid(errors=_pointers(error.detail))
    if isinstance(error, HTTPException) and error.code is not None and error.code < 500:
        return FRAMEWORK.get(error.code, bad_request)()
    if is_transient(error) or is_statement_timeout(error):
        said = "a statement took too long" if is_statement_timeout(error) else "the database is away"
        log.warning(said, extra={"error": type(error).__name__, "endpoint": request.endpoint})
        return unavailable(retry_after_seconds=2)
    log.error("a request broke", exc_info=error, extra={"endpoint": request.endpoint})
    return broken()


def _pointers(found: dict[str, Any]) -> list[dict[str, str]]:
    """Return marshmallow's messages, which are codes here, each with a pointer to its field."""
    errors = []

    def walk(node: Any, path: str) -> None:
        if isinstance(node, dict):
            for key, below in node.items():
                walk(below, path if key == "_schema" else f"{path}/{_step(key)}")
        else:
            code = node[0] if isinstance(node, list) and node else "wrong"
            errors.append({"pointer": path, "code": code if code in FIELD_WORDS else "wrong"})

    for location, messages in found.items():
        walk(messages, "#" if location == "json" else f"#{location}")
    return errors


def _step(key: object) -> str:
    """Encode a field's name for a JSON pointer; a caller may have made up any name."""
    return str(key)[:100].encode(errors="replace").decode().replace("~", "~0").replace("/", "~1")
