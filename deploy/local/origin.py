"""One WSGI application for all services: each path goes to its owner, every other one to the pages of people or to the developers' desk."""

from collections.abc import Iterable
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any

from flask import Flask, Response, render_template

from chassis.docs import pages as docs_pages
from chassis.environment import read_all
from chassis.failures import one_line_failures
from chassis.http import headers
from chassis.http.front import WSGIApplication
from chassis.http.server import serve
from chassis.pages import Pages, create
from chassis.settings import Settings, StreamSettings, WebSettings
from chassis.start import read_web_settings
from deploy import openapi
from deploy.local import telephones
from deploy.pages import DIST, what_is_built
from deploy.services import STREAM, door_of, owner_of, services
from notify.settings import TencentSettings


def front_desk() -> Flask:
    """The developers' pages `/sandbox/` and `/docs`, from files on this machine alone."""
    app = Flask(__name__)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    answering = [service for service in services().values() if service.answers]
    documents = [{"url": "/openapi.json", "name": "all"}, *({"url": f"/openapi/{one.name}.json", "name": one.name} for one in answering)]
    app.register_blueprint(docs_pages(documents))
    app.add_url_rule("/openapi.json", "openapi", cache(openapi.build_house_document))
    app.add_url_rule("/sandbox/", "home", lambda: render_template("home.html", services=answering))
    headers.install_on_pages(app, WebSettings.of_environment())
    return app


def house_of(apps: dict[str, Flask]) -> WSGIApplication:
    """Return the WSGI application of the whole house, from the applications of the services."""
    desk, pages = front_desk(), BuiltPages()
    sandbox = telephones.of_environment()

    def dispatch(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path in {"/livez", "/readyz"}:
            return _health(apps, environ, start_response)
        if path in {"/sandbox/", "/openapi.json"} or path.startswith("/docs"):
            return desk(environ, start_response)
        if path.startswith(("/sandbox/", "/cgi-bin/", "/sns/")) or (path == "/" and environ["REQUEST_METHOD"] == "POST"):
            return sandbox(environ, start_response)
        owner = owner_of(path) or door_of(path)
        if owner is None and not path.startswith("/v1/"):
            return pages(environ, start_response)
        return apps[owner.name if owner else next(iter(apps))](environ, start_response)

    return dispatch


class BuiltPages:
    """The pages of people as they were last built, and until the first build one that waits for it."""

    def __init__(self) -> None:
        self._pages: Pages | None = None
        self._built = ""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if (built := what_is_built()) not in {"", self._built}:
            self._built, (self._pages, _) = built, create(DIST)
        return (self._pages or _waiting)(environ, start_response)


def _waiting(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    page = (Path(__file__).parent / "templates" / "waiting.html").read_text("utf-8")
    policy = {"Content-Security-Policy": headers.content_policy(page), "Cache-Control": "no-store", "Refresh": "2"}
    return Response(page, 503, content_type="text/html; charset=utf-8", headers=dict(headers.SAFE) | policy)(environ, start_response)


def _health(apps: dict[str, Flask], environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer 200 only if every service does."""
    for app in apps.values():
        said: list[str] = []
        body = list(app(dict(environ), lambda status, headers, exc_info=None, said=said: said.append(status)))
        if not said[0].startswith("200"):
            response = Response(b"".join(body), said[0], content_type="application/problem+json", headers=headers.SAFE)
            return response(environ, start_response)
    return Response('{"status":"ok"}\n', content_type="application/json", headers=headers.SAFE)(environ, start_response)


@one_line_failures
def main() -> None:
    """The web process of the house: all services behind `PORT`."""
    read_all(
        TencentSettings.of_environment,
        StreamSettings.of_environment,
        *(partial(read_web_settings, name) for name, service in services().items() if service.answers),
    )
    apps = {name: import_module(f"{name}.web").create() for name, service in services().items() if service.answers}
    port = Settings.of(next(iter(apps))).port
    # The one service that holds streams does it here, where every path is answered.
    [(name, service)] = [(name, service) for name, service in services().items() if service.streams]
    hub = import_module(service.roles[STREAM]).hub_of(Settings.of(name), apps[name].extensions["database"])
    serve(house_of(apps), "house", "127.0.0.1", port, WebSettings.of_environment(), list(apps.values()), hub, service.streams)


if __name__ == "__main__":
    main()
