"""HTTP routes to send, receive, close and cancel a match."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from marshmallow import ValidationError, validates_schema
from sqlalchemy.orm import Session

from chassis.http.auth import GIVERS, HOUSEHOLD, SIGNED_IN, STAFF, Caller
from chassis.http.fields import Choice, Code, NothingIn, Strict, Whole
from chassis.http.routes import access
from matching.book.labels import CANCELLATIONS, CARRIERS, DIFFERENCES
from matching.matches.actions import delivery as actions
from matching.matches.api.matches import MatchOut, created

api = APIBlueprint("delivery", __name__)


class SendingIn(Strict):
    carrier = Choice(CARRIERS, metadata={"description": "left out when the giver brings it; required with a tracking number"})
    tracking_number = Code(
        "[A-Za-z0-9-]{1,40}", metadata={"description": "up to 40 letters, digits and `-`; kept encrypted, shown to both sides"}
    )
    quantity = Whole(1, 10**9, metadata={"description": "units sent; if fewer than promised, the rest is free again"})

    @validates_schema
    def require_carrier(self, data: dict[str, Any], **_: Any) -> None:
        if "tracking_number" in data and "carrier" not in data:
            raise ValidationError("required", "carrier")


class ReceiptIn(Strict):
    quantity = Whole(0, 10**9, metadata={"description": "units that arrived; all that were sent when left out"})
    reason = Choice(DIFFERENCES, metadata={"description": "required when fewer units arrived than were sent"})


class CancellationIn(Strict):
    reason = Choice(
        CANCELLATIONS,
        required=True,
        metadata={"description": "a reason of the caller's side; only the household's side may state a no-show"},
    )


@api.post("/matches/<uuid:match_id>/sending")
@access(who=GIVERS, x_view="own")
@api.input(SendingIn)
@api.output(MatchOut, 201)
def send_match(session: Session, caller: Caller, match_id: UUID, json_data: dict[str, Any]) -> Any:
    """State that the promised goods are on their way, or were brought by hand: then no carrier is needed."""
    return created(session, actions.send_match(session, caller, match_id, **json_data), caller)


@api.post("/matches/<uuid:match_id>/receipt")
@access(who=HOUSEHOLD | STAFF, x_view="own")
@api.input(ReceiptIn)
@api.output(MatchOut, 201)
def receive_match(session: Session, caller: Caller, match_id: UUID, json_data: dict[str, Any]) -> Any:
    """State how much arrived; missing units are needed again."""
    return created(session, actions.receive_match(session, caller, match_id, **json_data), caller)


@api.post("/matches/<uuid:match_id>/closing")
@access(who=SIGNED_IN, x_view="own")
@api.input(NothingIn)
@api.output(MatchOut, 201)
def close_match(session: Session, caller: Caller, match_id: UUID, json_data: dict[str, Any]) -> Any:
    """Close a match after both sides have acted; `ended_because` gives the outcome by the figures."""
    return created(session, actions.close_match(session, caller, match_id), caller)


@api.post("/matches/<uuid:match_id>/cancellation")
@access(who=SIGNED_IN, x_view="own")
@api.input(CancellationIn)
@api.output(MatchOut, 201)
def cancel_match(session: Session, caller: Caller, match_id: UUID, json_data: dict[str, Any]) -> Any:
    """Cancel a match that will not be delivered; unsent units are free again."""
    return created(session, actions.cancel_match(session, caller, match_id, **json_data), caller)
