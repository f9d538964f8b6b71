"""The pages of people: files of one folder, which a build made. `python -m chassis.pages /opt/duijie/pages`."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from wsgiref.headers import Headers

from flask import Flask, Request
from whitenoise import WhiteNoise

from chassis.docs import listening
from chassis.environment import read_all
from chassis.failures import Parser, one_line_failures
from chassis.http import draining, headers
from chassis.http.server import serve
from chassis.settings import WebSettings

POLICY = "; ".join(
    [
        *(f"{directive} 'none'" for directive in ("default-src", "base-uri", "form-action", "frame-ancestors")),
        *(f"{directive} 'self'" for directive in ("script-src", "style-src", "connect-src", "manifest-src", "worker-src")),
        # Photos are shown before they are sent. The style sheet of Vant holds its icons.
        "img-src 'self' blob: data:",
        "font-src 'self' data:",
    ]
)
START = "/index.html"


class Pages:
    """A WSGI application of the files in a folder.

    Every address without a file's ending is a page, which the script of `index.html` shows.
    """

    def __init__(self, folder: Path, settings: WebSettings, elsewhere: Flask) -> None:
        """`elsewhere` answers what is no page and no file."""
        safe = headers.safe(settings) | {"Content-Security-Policy": POLICY}

        def complete(answer: Headers, path: str, url: str) -> None:
            for name, value in safe.items():
                answer[name] = value

        self._files = WhiteNoise(
            elsewhere,
            root=str(folder),
            max_age=0,
            allow_all_origins=False,
            # Names in this folder change with their content.
            immutable_file_test=lambda path, url: url.startswith("/assets/"),
            add_headers_function=complete,
        )

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ)
        if request.method in {"GET", "HEAD"} and request.path != "/livez" and "." not in request.path.rpartition("/")[2]:
            environ = environ | {"PATH_INFO": START}
        answer: Iterable[bytes] = self._files(environ, start_response)
        return answer


def create(folder: Path) -> tuple[Pages, Flask]:
    """Return the application of the files in `folder`, and the one behind it. Exits when nothing was built there."""
    if not (folder / START.lstrip("/")).exists():
        sys.exit(f"{folder} has no {START.lstrip('/')}: build the pages there")
    settings = WebSettings.of_environment()
    elsewhere = Flask(__name__, static_folder=None)
    elsewhere.add_url_rule("/livez", "livez", lambda: {"status": "ok"})
    headers.install_on_pages(elsewhere, settings)
    draining.install(elsewhere)
    return Pages(folder, settings, elsewhere), elsewhere


@one_line_failures
def main() -> None:
    """Serve the pages until stopped."""
    parser = Parser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    [(host, port), web] = read_all(listening, WebSettings.of_environment)
    pages, elsewhere = create(folder)
    serve(pages, "pages", host, port, web, [elsewhere])


if __name__ == "__main__":
    main()
