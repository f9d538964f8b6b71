"""Headers of every response: the request's id, and rules for browsers and proxies."""

import base64
import gzip
import hashlib
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

import structlog
from flask import Flask, Response, g, request
from flask_cors import CORS
from werkzeug.middleware.proxy_fix import ProxyFix

from chassis.data.database import new_id
from chassis.http.cookies import ACCESS_COOKIE
from chassis.settings import WebSettings

_SANE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{7,99}", re.ASCII)
SAFE: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
VARYING = ("Accept-Language", "Authorization", "Cookie")
LONG_BYTES = 32_768
COMPRESSION = 5
EXPOSED_HEADERS = ("Content-Language", "Date", "ETag", "Location", "Retry-After", "X-Request-Id")
REQUEST_HEADERS = (
    "Accept-Language",
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "Last-Event-ID",
    "X-Request-Id",
    "traceparent",
)


def install(app: Flask, settings: WebSettings) -> None:
    """Set the headers of every response of `app`; read the caller's address from proxies when any is trusted."""
    always = safe(settings)

    def complete(response: Response) -> Response:
        _compress(response)
        said = {name.lower() for name, _ in response.headers}
        caching = "no-store" if "Authorization" in request.headers or ACCESS_COOKIE in request.cookies else "no-cache"
        wanted = always | {"Cache-Control": caching, "X-Request-Id": g.request_id, "Vary": ", ".join(VARYING)}
        response.headers.extend({name: value for name, value in wanted.items() if name.lower() not in said})
        if "vary" in said:
            response.vary.update(VARYING)
        return response

    app.before_request(_name_request)
    app.after_request(complete)
    app.teardown_request(lambda _: structlog.contextvars.unbind_contextvars("request_id"))
    if settings.cors_origins:
        CORS(
            app,
            origins=settings.cors_origins,
            allow_headers=list(REQUEST_HEADERS),
            expose_headers=list(EXPOSED_HEADERS),
            max_age=600,
            # Pages of named origins may send cookies; with `*`, those of every site could.
            supports_credentials="*" not in settings.cors_origins,
        )
    if settings.trusted_proxies:
        trusted = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=trusted, x_proto=trusted)  # type: ignore[method-assign]


def _compress(response: Response) -> None:
    """Compress a long answer to a guest: the catalogue takes a slow phone most of a second.

    Answers to whoever is signed in stay as they are: their length must not tell what is in them.
    """
    is_guest = "Authorization" not in request.headers and ACCESS_COOKIE not in request.cookies
    is_long = response.is_sequence and (response.content_length or 0) >= LONG_BYTES and response.mimetype == "application/json"
    if not (is_guest and is_long and response.status_code == 200 and request.accept_encodings["gzip"]):
        return
    response.set_data(gzip.compress(response.get_data(), COMPRESSION, mtime=0))
    response.content_encoding = "gzip"
    response.vary.add("Accept-Encoding")


def install_on_pages(app: Flask, settings: WebSettings) -> None:
    """Set the headers of every response of an application that serves pages. A redirect stays on its origin, whatever `Host` says."""

    def complete(response: Response) -> Response:
        if response.location:
            here = urlsplit(response.location)._replace(scheme="", netloc="").geturl()
            response.location = f"/{here.lstrip('/')}"
            response.data = b""
        wanted = safe(settings)
        if response.mimetype == "text/html":
            response.direct_passthrough = False
            wanted["Content-Security-Policy"] = content_policy(response.get_data(as_text=True))
        response.headers.extend({name: value for name, value in wanted.items() if name not in response.headers})
        return response

    app.after_request(complete)


def content_policy(page: str) -> str:
    """Return the content security policy of an HTML page: files of its own origin, inline scripts and styles by their hashes."""
    sources = {"default-src": "'none'", "connect-src": "'self'"}
    for directive, element, file in (("script-src", "script", "<script src="), ("style-src", "style", '<link rel="stylesheet"')):
        inline = re.findall(rf"<{element}>(.*?)</{element}>", page, re.DOTALL)
        digests = (base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in inline)
        sources[directive] = " ".join(["'self'"] * (file in page) + [f"'sha256-{digest}'" for digest in digests]) or "'none'"
    if '<link rel="icon"' in page:
        sources["img-src"] = "'self' data:"
    closed = dict.fromkeys(("base-uri", "form-action", "frame-ancestors"), "'none'")
    return "; ".join(f"{directive} {allowed}" for directive, allowed in (sources | closed).items())


def safe(settings: WebSettings) -> dict[str, str]:
    """Return the headers that every response has."""
    hsts = {"Strict-Transport-Security": f"max-age={settings.hsts_seconds}; includeSubDomains"} if settings.hsts_seconds else {}
    return {**SAFE, **hsts}


def _name_request() -> None:
    """Use the request id that the caller gave if it is well-formed, else a new one; all log lines of the request contain it."""
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if _SANE.fullmatch(given) else str(new_id())
    structlog.contextvars.bind_contextvars(request_id=g.request_id)
