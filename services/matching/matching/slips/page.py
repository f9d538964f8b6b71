"""The page behind the code on a slip: one HTML file without external parts, for phones of any age."""

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files


@cache
def load_page() -> str:
    return files("matching.slips").joinpath("slip.html").read_text("utf-8")


@cache
def content_policy() -> str:
    """Return the content security policy: the page runs its own script only and calls its own origin only."""
    parts = {name: _digest(name) for name in ("script", "style")}
    return (
        f"default-src 'none'; script-src {parts['script']}; style-src {parts['style']}; connect-src 'self'; base-uri 'none';"
        " form-action 'none'; frame-ancestors 'none'"
    )


def _digest(element: str) -> str:
    [found] = re.findall(rf"<{element}>(.*?)</{element}>", load_page(), re.DOTALL)
    return f"'sha256-{base64.b64encode(hashlib.sha256(found.encode()).digest()).decode()}'"
