"""Answers of routes that open streams."""

from collections.abc import Callable

from flask import Response, current_app, request

from chassis.http.streams.events import events_of, find_missed, list_events
from chassis.http.streams.subscriptions import Source, Subscription

HELD = "chassis.held"
"""Key of the environment: takes the subscription of a request whose answer stays open."""


def last_event_id(given: str | None) -> str | None:
    """Return the id of the last event that the client of the present request got: browsers send it as a header."""
    return given or request.headers.get("Last-Event-ID") or None


def open_stream(subscription: Subscription, source: Source) -> Response:
    """Answer the present request with a stream. Raises `too_many` when the caller, or their address, has too many.

    A process that holds no streams answers with what was missed, and ends: the client comes back after a while.
    """
    held: Callable[[Subscription], None] | None = request.environ.get(HELD)
    if held is not None:
        held(subscription)
        return _answer(subscription, b"")
    heard = frozenset(subscription.topics)
    since = subscription.cursor.seen.first if subscription.cursor else 0
    returning = heard if subscription.cursor else ()
    batch = source.read(current_app.extensions["database"], None, heard.__contains__, returning, since)
    events, place = find_missed(source, subscription, batch)
    return _answer(
        subscription, list_events(events, place) if subscription.wait_seconds is not None else b"".join(events_of(events, place))
    )


def _answer(subscription: Subscription, content: bytes) -> Response:
    kind = "text/event-stream" if subscription.wait_seconds is None else "application/json"
    # A proxy that waits for the whole answer would wait for hours.
    return Response(content, content_type=f"{kind}; charset=utf-8", headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
