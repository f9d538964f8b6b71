"""The cookie that carries the access token of a page, and the check that a write with it comes from one of our own pages."""

from urllib.parse import urlsplit

from flask import Flask, current_app, request

from chassis.problems import problem
from chassis.settings import WebSettings

ACCESS_COOKIE = "__Host-duijie_access"
READS = {"GET", "HEAD", "OPTIONS"}
"""Methods that change nothing, so a page of another site gains nothing by sending them."""

foreign_origin = problem(
    403,
    "foreign_origin",
    zh="请求来自其他网站，未予办理，请回到本站页面操作",
    en="The request came from another site. Use the pages of this site.",
)


def install(app: Flask, settings: WebSettings) -> None:
    """Store the origins whose pages may write with cookies: that of `PUBLIC_URL`, and those of `CORS_ORIGINS`."""
    own = [settings.public_url] if settings.public_url else []
    app.extensions["origins"] = frozenset(_normalise(one) for one in [*own, *settings.cors_origins] if one != "*")


def find_access_token() -> str | None:
    """Return the access token in the cookie of the present request. Raises `foreign_origin` for a write from another site."""
    token = request.cookies.get(ACCESS_COOKIE)
    if token and request.method not in READS:
        check_origin()
    return token


def check_origin() -> None:
    """Raise `foreign_origin` unless the present request names its page's origin, which is ours or allowed.

    Browsers send `Origin` with every write, and newer ones tell how their page relates to the address (`Sec-Fetch-Site`).
    """
    origin = request.headers.get("Origin", "")
    is_ours = _normalise(origin) in current_app.extensions["origins"]
    if not is_ours or request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "same-site"}:
        raise foreign_origin()


def _normalise(address: str) -> str:
    """Return the scheme, host and port of an address, as browsers write an origin."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return ""
    is_default = port == {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{parts.hostname}" + ("" if port is None or is_default else f":{port}")
