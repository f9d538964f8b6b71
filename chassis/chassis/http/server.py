"""The HTTP server of a process: uvicorn reads requests, threads answer them."""

import re
import resource
import socket
import sys
from collections.abc import Callable, Collection, Iterable, Sequence

import uvicorn
from flask import Flask

from chassis.http.connections import IDLE_SECONDS, connections_of
from chassis.http.draining import Server
from chassis.http.front import Front, WSGIApplication
from chassis.http.routes import BODY_BYTES
from chassis.http.streams.front import MOST_STREAMS, Streaming
from chassis.http.streams.hub import Hub
from chassis.settings import WebSettings

KILL_SECONDS = 30
"""How long a stopping server waits for the requests that it began to answer."""


def serve(
    app: WSGIApplication,
    service: str,
    host: str,
    port: int,
    settings: WebSettings,
    behind: Sequence[Flask] = (),
    hub: Hub | None = None,
    streams: Collection[str] = (),
) -> None:
    """Serve a WSGI application until stopped. Ends the process with a message when the port is taken.

    With a hub, answers of the paths `streams` stay open. The routes of the Flask applications `behind` it say how large bodies may be,
    and which requests take processor time.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        sys.exit(f"{host}:{port} cannot be listened on ({error}): set HOST and PORT to an address that is free")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    front = Front(app, service, settings.web_threads, settings.request_seconds, largest_body(behind), slow_requests(behind))
    config = uvicorn.Config(
        front if hub is None else Streaming(front, hub, streams),
        http=connections_of(service, None if hub is None else MOST_STREAMS),
        loop="uvloop",
        interface="asgi3",
        ws="none",
        lifespan="off" if hub is None else "on",
        log_config=None,
        access_log=False,
        # Addresses of callers are read by `headers.install`, from proxies that are trusted.
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=KILL_SECONDS,
    )
    Server(config, settings.drain_seconds).run([listening])


def largest_body(apps: Iterable[Flask]) -> int:
    """Return the size of the largest body that any route of these applications takes, in bytes."""
    return max((getattr(view, "body_bytes", BODY_BYTES) for app in apps for view in app.view_functions.values()), default=BODY_BYTES)


def slow_requests(apps: Iterable[Flask]) -> Callable[[str, str], bool]:
    """Return a function of method and path that tells whether a request takes processor time, as its route says (`access`)."""
    rules = [rule for app in apps for rule in app.url_map.iter_rules() if getattr(app.view_functions[rule.endpoint], "slow", False)]
    found = [(rule.methods or set(), re.compile(re.sub("<[^>]+>", "[^/]+", rule.rule) + r"\Z")) for rule in rules]
    return lambda method, path: any(method in methods and pattern.match(path) for methods, pattern in found)
