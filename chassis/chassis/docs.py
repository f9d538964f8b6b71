"""The API's pages at `/docs`, for an origin that leads to all services: `python -m chassis.docs needs matching …`."""

import sys
from collections.abc import Sequence

from flask import Blueprint, Flask
from flask_swagger_ui import get_swaggerui_blueprint

from chassis.environment import Environment, read_all
from chassis.failures import Parser, one_line_failures
from chassis.http import draining, headers
from chassis.http.server import serve
from chassis.settings import WebSettings


def pages(documents: Sequence[dict[str, str]]) -> Blueprint:
    """Return pages at `/docs` for documents of the same origin (`url`, `name`); the first is shown first, nothing comes from elsewhere."""
    config = {
        "app_name": "Duijie 对接 API",
        "urls": documents,
        "tryItOutEnabled": True,
        "validatorUrl": "none",
        "oauth2RedirectUrl": "/docs/oauth2-redirect.html",
    }
    blueprint: Blueprint = get_swaggerui_blueprint("/docs", documents[0]["url"], config=config)
    return blueprint


def create() -> Flask:
    """Create the application for the services named on the command line; their web processes serve the documents."""
    app = Flask(__name__)
    app.register_blueprint(pages([{"url": f"/openapi/{name}.json", "name": name} for name in sys.argv[1:]]))
    app.add_url_rule("/livez", "livez", lambda: {"status": "ok"})
    headers.install_on_pages(app, WebSettings.of_environment())
    draining.install(app)
    return app


def listening() -> tuple[str, int]:
    """Read the address to listen on: `HOST` and `PORT`. Raises `SettingsError`."""
    env = Environment()
    address = env.host("HOST", "127.0.0.1"), env.whole("PORT", 8000, 1, 65_535)
    env.check()
    return address


@one_line_failures
def main() -> None:
    """Serve the pages until stopped."""
    parser = Parser(description=__doc__)
    parser.add_argument("service", nargs="+")
    parser.parse_args()
    [(host, port), web] = read_all(listening, WebSettings.of_environment)
    serve(create(), "docs", host, port, web)


if __name__ == "__main__":
    main()
