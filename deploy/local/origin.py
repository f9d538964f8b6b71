"""One WSGI application for all services: each path goes to its owner, other pages to the front desk."""

import os
from collections.abc import Callable, Iterable
from functools import cache
from importlib import import_module
from typing import Any

from flask import Flask, Response, render_template
from granian import Granian
from granian.constants import Interfaces

from chassis.docs import pages
from deploy import openapi
from deploy.services import owner_of, services

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


def front_desk() -> Flask:
    """The front page and `/docs`, from files on this machine alone."""
    app = Flask(__name__)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    answering = [service for service in services().values() if service.answers]
    documents = [{"url": "/openapi.json", "name": "all"}, *({"url": f"/openapi/{one.name}.json", "name": one.name} for one in answering)]
    app.register_blueprint(pages(documents))
    app.add_url_rule("/openapi.json", "openapi", cache(openapi.build_house_document))
    app.add_url_rule("/", "home", lambda: render_template("home.html", services=answering))
    return app


def create() -> Application:
    """The WSGI application of the whole house."""
    desk = front_desk()
    apps: dict[str, Application] = {name: import_module(f"{name}.web").create() for name, service in services().items() if service.answers}

    def dispatch(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path in {"/livez", "/readyz"}:
            return _health(apps, environ, start_response)
        owner = owner_of(path)
        if owner is None and not path.startswith("/v1/"):
            return desk(environ, start_response)
        return apps[owner.name if owner else next(iter(apps))](environ, start_response)

    return dispatch


def _health(apps: dict[str, Application], environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer 200 only if every service does."""
    for app in apps.values():
        said: list[str] = []
        body = list(app(dict(environ), lambda status, headers, exc_info=None, said=said: said.append(status)))
        if not said[0].startswith("200"):
            response = Response(b"".join(body), said[0], content_type="application/problem+json")
            return response(environ, start_response)
    return Response('{"status":"ok"}\n', content_type="application/json")(environ, start_response)


def main() -> None:
    """The web process of the house: all services behind `PORT`."""
    threads = int(os.environ["WEB_THREADS"])
    Granian(
        "deploy.local.origin:create",
        factory=True,
        address="127.0.0.1",
        port=int(os.environ.get("PORT", "8000")),
        interface=Interfaces.WSGI,
        blocking_threads=threads,
        backpressure=threads * 8,
        websockets=False,
        log_enabled=False,
    ).serve()


if __name__ == "__main__":
    main()
