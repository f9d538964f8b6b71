"""Sending, receiving, closing: each side says what it did itself."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from sqlalchemy.orm import Session

from chassis.http.auth import GIVERS, HOUSEHOLD, SIGNED_IN, STAFF, Caller
from chassis.http.fields import Choice, NothingIn, Strict, Text, Whole
from chassis.http.routes import access
from matching.book.labels import CANCELLATIONS, CARRIERS, DIFFERENCES
from matching.matches.actions import delivery as actions
from matching.matches.api.matches import MatchOut, created

api = APIBlueprint("delivery", __name__)


class SendingIn(Strict):
    carrier = Choice(CARRIERS, required=True)
    tracking_number = Text(40, pattern="[A-Za-z0-9-]+", metadata={"description": "kept encrypted, shown to both sides"})
    quantity = Whole(1, 10**9, metadata={"description": "when it is less than was promised; the rest is free again"})


class ReceiptIn(Strict):
    quantity = Whole(0, 10**9, metadata={"description": "how much arrived; all that was sent when left out"})
    reason = Choice(DIFFERENCES, metadata={"description": "needed when less arrived than was sent"})


class CancellationIn(Strict):
    reason = Choice(CANCELLATIONS, required=True, metadata={"description": "of one's own side: only the household's knows of a no-show"})


@api.post("/matches/<uuid:match_id>/sending")
@access(who=GIVERS, x_view="own")
@api.input(SendingIn)
@api.output(MatchOut, 201)
def send_match(session: Session, caller: Caller, match_id: UUID, json_data: dict[str, Any]) -> Any:
    """Say that what was promised is on its way, or was brought."""
    return created(session, actions.send_match(session, caller, match_id, **json_data), caller)


@api.post("/matches/<uuid:match_id>/receipt")
@access(who=HOUSEHOLD | STAFF, x_view="own")
@api.input(ReceiptIn)
@api.output(MatchOut, 201)
def receive_match(session: Session, caller: Caller, match_id: UUID, json_data: dict[str, Any]) -> Any:
    """Say how much arrived; what did not arrive is needed again."""
    return created(session, actions.receive_match(session, caller, match_id, **json_data), caller)


@api.post("/matches/<uuid:match_id>/closing")
@access(who=SIGNED_IN, x_view="own")
@api.input(NothingIn)
@api.output(MatchOut, 201)
def close_match(session: Session, caller: Caller, match_id: UUID, json_data: dict[str, Any]) -> Any:
    """Both sides have acted and it is over; `ended_because` says by the figures what came of it."""
    return created(session, actions.close_match(session, caller, match_id), caller)


@api.post("/matches/<uuid:match_id>/cancellation")
@access(who=SIGNED_IN, x_view="own")
@api.input(CancellationIn)
@api.output(MatchOut, 201)
def cancel_match(session: Session, caller: Caller, match_id: UUID, json_data: dict[str, Any]) -> Any:
    """What was promised will not be delivered; what was never sent is free again."""
    return created(session, actions.cancel_match(session, caller, match_id, **json_data), caller)
