"""The page for reporting oneself: one HTML file without external parts, for phones of any age."""

from functools import cache
from importlib.resources import files

from chassis.http import headers


@cache
def load_page() -> str:
    return files("users.self_reports").joinpath("page.html").read_text("utf-8")


@cache
def content_policy() -> str:
    """Return the content security policy: the page runs its own script only and calls its own origin only."""
    return headers.content_policy(load_page())
