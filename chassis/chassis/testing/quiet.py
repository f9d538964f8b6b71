"""A request handler of Werkzeug's servers that logs nothing."""

from typing import Any

from werkzeug.serving import WSGIRequestHandler


class Quiet(WSGIRequestHandler):
    """Handles requests without a line in the log for each."""

    def log(self, *_: Any) -> None:
        """Write nothing."""
