"""HTTP operations on collection points."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from marshmallow import ValidationError, fields, validates
from sqlalchemy.orm import Session

from chassis.http.auth import ANYONE, STAFF, Caller
from chassis.http.fields import AllowedOperations, Choice, Flag, Id, Name, Region, Schema, Strict, Text
from chassis.http.pagination import PageIn, page_of
from chassis.http.routes import access
from chassis.http.shown import note_shown
from users.fields import OfficePhone
from users.personal import holds_phone
from users.places import actions, queries
from users.places.model import Place
from users.places.rules import LEVELS, acts_on_place

api = APIBlueprint("places", __name__)

PLACE_STATES = {"open": ("开放", "open"), "closed": ("已关闭", "closed")}
ALL_STATES = PLACE_STATES | {"waiting": ("待上级确认", "waiting for the level above"), "refused": ("未获确认", "refused")}
WAITS = "counts once an administrator of a wider region confirmed it"


class _PlaceIn(Strict):
    """Texts of a point. A telephone in another text than its own would go round the confirmation, so it is refused."""

    name = Name(100, required=True, metadata={"example": "河沙镇便民服务中心", "description": WAITS})
    address = Text(200, least=2, required=True, metadata={"example": "河沙镇新街 12 号", "description": WAITS})
    hours = Text(200, required=True, metadata={"example": "周一至周五 9:00—17:00"})
    telephone = OfficePhone(load_default=None, allow_none=True, metadata={"description": f"of the office; {WAITS}"})
    do_not_bring = Text(300, least=0, load_default="", metadata={"example": "旧衣物、药品"})

    @validates("name", "address", "hours", "do_not_bring")
    def refuse_phone(self, value: str, **_: Any) -> None:
        if holds_phone(value):
            raise ValidationError("phone_in_text")


class PlaceIn(_PlaceIn):
    region = Region(LEVELS, required=True)


class PlaceChangeIn(_PlaceIn):
    """What changes of a point; the rest stays."""

    name = Name(100, metadata={"description": WAITS})
    address = Text(200, least=2, metadata={"description": WAITS})
    hours = Text(200)
    telephone = OfficePhone(allow_none=True, metadata={"description": WAITS})
    do_not_bring = Text(300, least=0)
    state = Choice(PLACE_STATES)


class ProposalIn(Strict):
    proposal_id = Id(required=True, metadata={"description": "the proposal that the caller has seen"})


class ProposalOut(Schema):
    """A name, address and telephone that wait for the level above."""

    id = fields.UUID(required=True)
    name = fields.String(required=True)
    address = fields.String(required=True)
    telephone = fields.String(required=True, allow_none=True)
    proposed_by = fields.UUID(required=True)
    proposed_at = fields.AwareDateTime(required=True)
    stands = fields.Boolean(required=True, metadata={"description": "false when the proposer no longer manages the region"})


class PlaceOut(Schema):
    """A collection point. What waits is shown to the administrators of its region alone."""

    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    region = fields.String(required=True)
    state = Choice(ALL_STATES, required=True)
    name = fields.String(required=True)
    address = fields.String(required=True)
    hours = fields.String(required=True)
    telephone = fields.String(required=True, allow_none=True, metadata={"description": "of the office; null when it has none"})
    do_not_bring = fields.String(required=True, metadata={"description": "goods that the point does not take"})
    changed_at = fields.AwareDateTime(required=True, allow_none=True, metadata={"description": "null for a new point that waits"})
    proposal = fields.Nested(ProposalOut, required=True, allow_none=True)
    allowed = AllowedOperations()


class PlacesIn(PageIn):
    region = Region((0, 2, 4, 6, 9, 12), load_default="")


class ManagedPlacesIn(PlacesIn):
    waiting = Flag(in_address=True, load_default=False, metadata={"description": "only points with a proposal that waits"})


PlacePage = page_of(PlaceOut)


@api.get("/places")
@access(who=ANYONE, x_view="public")
@api.input(PlacesIn, location="query")
@api.output(PlacePage)
def list_places(session: Session, caller: Caller | None, query_data: dict[str, Any]) -> Any:
    """List the collection points of a region and of all below it, by region."""
    return _page(session, caller, queries.list_places(session, **query_data))


@api.get("/places/managed")
@access(who=STAFF, x_view="region")
@api.input(ManagedPlacesIn, location="query")
@api.output(PlacePage)
def list_managed_places(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List the collection points in the regions that the caller manages, with what waits, newest first."""
    return _page(session, caller, queries.list_managed_places(session, caller, **query_data))


@api.get("/places/<uuid:place_id>")
@access(who=ANYONE, x_view="public")
@api.output(PlaceOut)
def get_place(session: Session, caller: Caller | None, place_id: UUID) -> Any:
    """Get a collection point; one that waits only in the regions that the caller manages."""
    [shown] = _shown(session, caller, [queries.get_place(session, caller, place_id)])
    return shown


@api.post("/places")
@access(who=STAFF, x_view="region")
@api.input(PlaceIn)
@api.output(PlaceOut, 201)
def add_place(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Add a collection point to a region that the caller manages. It waits for the level above where another point takes the goods now."""
    return _answer(session, caller, actions.add_place(session, caller, json_data))


@api.patch("/places/<uuid:place_id>")
@access(who=STAFF, x_view="region")
@api.input(PlaceChangeIn)
@api.output(PlaceOut)
def change_place(session: Session, caller: Caller, place_id: UUID, json_data: dict[str, Any]) -> Any:
    """Change, close or open a collection point. Another name, address or telephone waits for the level above."""
    [shown] = _shown(session, caller, [actions.change_place(session, caller, place_id, json_data)])
    return shown


@api.post("/places/<uuid:place_id>/confirmation")
@access(who=STAFF, x_view="region")
@api.input(ProposalIn)
@api.output(PlaceOut, 201)
def confirm_place(session: Session, caller: Caller, place_id: UUID, json_data: dict[str, Any]) -> Any:
    """Let a proposed point, name, address or telephone count, as an administrator of a wider region who did not propose it."""
    return _answer(session, caller, actions.confirm_place(session, caller, place_id, **json_data))


@api.post("/places/<uuid:place_id>/refusal")
@access(who=STAFF, x_view="region")
@api.input(ProposalIn)
@api.output(PlaceOut, 201)
def refuse_place(session: Session, caller: Caller, place_id: UUID, json_data: dict[str, Any]) -> Any:
    """Drop a proposed point, name, address or telephone, as an administrator of the region or above."""
    return _answer(session, caller, actions.refuse_place(session, caller, place_id, **json_data))


def _answer(session: Session, caller: Caller, place: Place) -> Any:
    [shown] = _shown(session, caller, [place])
    return shown, 201, {"Location": f"/v1/places/{place.id}"}


def _page(session: Session, caller: Caller | None, page: dict[str, Any]) -> dict[str, Any]:
    return page | {"items": _shown(session, caller, page["items"])}


def _shown(session: Session, caller: Caller | None, places: Sequence[Place]) -> list[dict[str, Any]]:
    inside = [place for place in places if caller and caller.reads(place.region)]
    standing = queries.find_standing_proposers(session, inside)
    return [_place_out(place, caller if place in inside else None, stands=place.id in standing) for place in places]


def _place_out(place: Place, caller: Caller | None, *, stands: bool) -> dict[str, Any]:
    """Show a point; what waits and what may be done is for a caller who reads its region."""
    note_shown(caller, "place", place.id, people=[], region=place.region, masked=True)
    proposal = None
    if caller and place.proposal_id:
        proposal = {
            "id": place.proposal_id,
            "name": place.proposed_name,
            "address": place.proposed_address,
            "telephone": place.proposed_telephone,
            "proposed_by": place.proposed_by,
            "proposed_at": place.proposed_at,
            "stands": stands,
        }
    allowed = acts_on_place(caller, place, proposer_stands=stands) if caller else []
    more = {"changed_at": place.published_at, "proposal": proposal, "allowed": allowed}
    return {name: getattr(place, name) for name in PlaceOut.names() if name not in more} | more
