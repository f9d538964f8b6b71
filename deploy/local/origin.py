"""One WSGI application for all services: each path goes to its owner, other pages to the front desk."""

from collections.abc import Iterable
from functools import cache, partial
from importlib import import_module
from typing import Any

from flask import Flask, Response, render_template

from chassis.docs import pages
from chassis.environment import read_all
from chassis.failures import one_line_failures
from chassis.http import headers
from chassis.http.front import WSGIApplication
from chassis.http.server import serve
from chassis.settings import Settings, StreamSettings, WebSettings
from chassis.start import read_web_settings
from deploy import openapi
from deploy.local import telephones
from deploy.services import STREAM, door_of, owner_of, services
from notify.settings import TencentSettings


def front_desk() -> Flask:
    """The front page and `/docs`, from files on this machine alone."""
    app = Flask(__name__)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    answering = [service for service in services().values() if service.answers]
    documents = [{"url": "/openapi.json", "name": "all"}, *({"url": f"/openapi/{one.name}.json", "name": one.name} for one in answering)]
    app.register_blueprint(pages(documents))
    app.add_url_rule("/openapi.json", "openapi", cache(openapi.build_house_document))
    app.add_url_rule("/", "home", lambda: render_template("home.html", services=answering))
    headers.install_on_pages(app, WebSettings.of_environment())
    return app


def house_of(apps: dict[str, Flask]) -> WSGIApplication:
    """Return the WSGI application of the whole house, from the applications of the services."""
    desk = front_desk()
    sandbox = telephones.of_environment()

    def dispatch(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path in {"/livez", "/readyz"}:
            return _health(apps, environ, start_response)
        if path.startswith(("/sandbox/", "/cgi-bin/", "/sns/")) or (path == "/" and environ["REQUEST_METHOD"] == "POST"):
            return sandbox(environ, start_response)
        owner = owner_of(path) or door_of(path)
        if owner is None and not path.startswith("/v1/"):
            return desk(environ, start_response)
        return apps[owner.name if owner else next(iter(apps))](environ, start_response)

    return dispatch


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
