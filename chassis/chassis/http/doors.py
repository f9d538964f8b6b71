"""Doors: routes that other services call for personal data, with a key that both know. No route leads to them from outside."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, wraps
from typing import Any

from flask import Response, current_app, make_response, request

from chassis.data.database import Database
from chassis.environment import Environment, parse_long_keys
from chassis.ops import tracing
from chassis.problems import sign_in_needed


@dataclass(frozen=True)
class DoorSettings:
    """`DOOR_KEYS`: the keys of doors, the newest first. Callers send the newest; each is accepted."""

    keys: list[bytes]

    @classmethod
    def of_environment(cls) -> "DoorSettings":
        """Read the keys. Raises `SettingsError` when they are missing, or one is short."""
        env = Environment()
        read = cls(
            env.parsed("DOOR_KEYS", parse_long_keys, wanted="random texts of 32 characters or more, separated by commas, the newest first")
        )
        env.check()
        return read

    def header(self) -> dict[str, str]:
        """Return the header by which a caller shows the newest key."""
        return {"Authorization": f"Bearer {self.keys[0].decode()}"}


def door(function: Callable[..., Any]) -> Callable[..., Response]:
    """Guard a route for other services: their key opens it, and its transaction commits with the answer.

    The function gets the session first. Raises `sign_in_needed` without one of `DOOR_KEYS`.
    """

    @wraps(function)
    def guarded(**arguments: Any) -> Response:
        if not _shows_key(request.headers.get("Authorization", "")):
            raise sign_in_needed()
        database: Database = current_app.extensions["database"]
        span = tracing.span(f"{request.method} {request.url_rule}", request.headers.get("traceparent"), "server")
        with span, database.begin() as session:
            return make_response(function(session, **arguments))

    guarded.access = {"who": ["service"], "view": "door", "idempotent": False}  # type: ignore[attr-defined]
    return guarded


@cache
def _keys() -> list[bytes]:
    return DoorSettings.of_environment().keys


def _shows_key(header: str) -> bool:
    """Compare with every key in constant time, so that the time tells nothing about any."""
    scheme, _, shown = header.partition(" ")
    matches = [hmac.compare_digest(key, shown.strip().encode()) for key in _keys()]
    return scheme.lower() == "bearer" and any(matches)
