"""HTTP routes of streams: a ticket for a browser, and the stream itself."""

from typing import Any

from apiflask import APIBlueprint
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis.http.auth import SIGNED_IN, Caller, ticket_of
from chassis.http.fields import Id, NothingIn, Region, Schema, Several, Strict, Text, Whole
from chassis.http.routes import access
from chassis.http.streams.routes import last_event_id, open_stream
from chassis.http.streams.subscriptions import Subscription
from chassis.problems import language
from notify.live.actions import balance_topic, need_topic, person_topic
from notify.live.source import Changes

api = APIBlueprint("live", __name__)
MOST_NEEDS, MOST_REGIONS, LONGEST_WAIT = 20, 10, 30
PATH = "/v1/notices/stream"
SOURCE = Changes()
"""The source of all streams of a process."""
EVENT = {
    "type": "object",
    "required": ["event", "data"],
    "properties": {"event": {"type": "string"}, "data": {"type": "string"}, "id": {"type": "string"}},
}
ITEM = {
    "type": "object",
    "required": ["event", "data"],
    "properties": {"event": {"type": "string"}, "data": {"type": "object"}},
}
WAITED = {
    "type": "object",
    "required": ["items", "last_event_id"],
    "properties": {"items": {"type": "array", "items": ITEM}, "last_event_id": {"type": "string"}},
}
STREAM: Any = {
    200: {
        "description": "events, each with its name, its place (`id`) and JSON data; with `wait` one answer of JSON",
        "content": {"text/event-stream": {"schema": EVENT}, "application/json": {"schema": WAITED}},
    }
}


class StreamIn(Strict):
    needs = Several(Id(), MOST_NEEDS, load_default=(), metadata={"description": "ids of needs whose figures are wanted"})
    regions = Several(
        Region((0, 2, 4, 6)),
        MOST_REGIONS,
        load_default=(),
        metadata={"description": "regions whose balance is wanted"},
    )
    last_event_id = Text(4000, 0, metadata={"description": "the place to read on from, where the header `Last-Event-ID` cannot be sent"})
    wait = Whole(0, LONGEST_WAIT, in_address=True, metadata={"description": "seconds to wait for one answer of JSON, in place of a stream"})
    ticket = Text(100, metadata={"description": "a ticket in place of a token"})


class TicketOut(Schema):
    """A ticket, which counts once."""

    ticket = fields.String(required=True)
    expires_at = fields.AwareDateTime(required=True)


@api.post("/notices/stream-tickets")
@access(who=SIGNED_IN, x_view="own", idempotent=False, second_factor=False)
@api.input(NothingIn)
@api.output(TicketOut, 201)
def make_stream_ticket(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Get a ticket for one stream, to be used within half a minute: the browser's `EventSource` sends no token."""
    ticket, expires_at = ticket_of(caller)
    return {"ticket": ticket, "expires_at": expires_at}, 201


@api.get("/notices/stream")
@access(who=SIGNED_IN, x_view="own", takes_ticket=True)
@api.input(StreamIn, location="query")
@api.doc(responses=STREAM)
def stream_notices(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """Hear new notices and changed matches of the caller as they happen, and the figures of needs and regions that are asked for.

    A stream ends with the access token. A client that comes back with the id of its last event misses nothing.
    """
    topics = [person_topic(caller.id), *map(need_topic, query_data["needs"]), *map(balance_topic, query_data["regions"])]
    place = last_event_id(query_data.get("last_event_id"))
    return open_stream(Subscription.of(caller, topics, language(), place, query_data.get("wait")), SOURCE)
