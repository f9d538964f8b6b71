"""The HTTP operation on hand-overs."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.http.auth import SIGNED_IN, Caller
from chassis.http.fields import Choice, Schema
from chassis.http.routes import access
from chassis.http.shown import note_shown
from users.handovers import queries
from users.handovers.queries import Opened
from users.handovers.rules import GIVER, HOUSEHOLD, find_shutting, is_disputed

api = APIBlueprint("handovers", __name__)

SIDES = {GIVER: ("帮扶方", "the giver"), HOUSEHOLD: ("需求方", "the household's side")}


class ContactOut(Schema):
    """Somebody to call. It is personal: use it for this hand-over alone."""

    name = fields.String(required=True)
    telephone = fields.String(required=True, allow_none=True)


class HandoverPlaceOut(Schema):
    """The collection point of a hand-over."""

    id = fields.UUID(required=True)
    region = fields.String(required=True)
    name = fields.String(required=True)
    address = fields.String(required=True)
    hours = fields.String(required=True)
    telephone = fields.String(required=True, allow_none=True)
    do_not_bring = fields.String(required=True)


class HandoverOut(Schema):
    """The point and the contacts of an accepted match, for one of its sides."""

    match_id = fields.UUID(required=True)
    side = Choice(SIDES, required=True, metadata={"description": "the side on which the caller stands"})
    region = fields.String(required=True)
    category = fields.String(required=True)
    unit = fields.String(required=True)
    quantity = fields.Integer(required=True)
    shuts_at = fields.AwareDateTime(
        required=True,
        metadata={"description": "the answer is 404 from then on; earlier when the match ends, later while a dispute about it is open"},
    )
    disputed = fields.Boolean(required=True, metadata={"description": "a dispute is open, and keeps the door open until it is settled"})
    place = fields.Nested(
        HandoverPlaceOut,
        required=True,
        allow_none=True,
        metadata={"description": "the nearest open collection point: the village's, else the township's, else the county's"},
    )
    village_contact = fields.Nested(
        ContactOut,
        required=True,
        allow_none=True,
        metadata={"description": "the administrator nearest to the household, with the office's telephone, or their own where it has none"},
    )
    household_contact = fields.Nested(
        ContactOut,
        required=True,
        allow_none=True,
        metadata={"description": "for the giver: of a household with its consent alone, of an institution always"},
    )
    giver_contact = fields.Nested(ContactOut, required=True, allow_none=True, metadata={"description": "for the household's side alone"})


@api.get("/handovers/<uuid:match_id>")
@access(who=SIGNED_IN, x_view="own")
@api.output(HandoverOut)
def get_handover(session: Session, caller: Caller, match_id: UUID) -> Any:
    """Show the collection point and the contacts of an accepted match to its two sides. Every look is recorded.

    404 before the acceptance, after the end of the match, and for everybody else. The household's side is the household, and whoever
    manages its village.
    """
    return _shown(queries.open_door(session, caller, match_id), caller)


def _shown(opened: Opened, caller: Caller) -> dict[str, Any]:
    handover, contacts = opened.handover, (opened.village, opened.household, opened.giver)
    seen = [contact.person_id for contact in contacts if contact and contact.person_id not in {None, caller.id}]
    note_shown(caller, "handover", handover.match_id, people=seen, region=opened.region)
    return {name: getattr(handover, name) for name in ("match_id", "category", "unit", "quantity")} | {
        "shuts_at": find_shutting(handover, now()),
        "disputed": is_disputed(handover),
        "region": opened.region,
        "side": opened.side,
        "place": opened.place,
        "village_contact": opened.village,
        "household_contact": opened.household,
        "giver_contact": opened.giver,
    }
