"""HTTP operations on pledges."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from marshmallow import ValidationError, fields, validates_schema
from sqlalchemy.orm import Session

from chassis.http.auth import ANYONE, GIVERS, SIGNED_IN, Caller
from chassis.http.fields import AllowedOperations, Category, Choice, Id, Moment, NothingIn, Schema, Strict, Text, Whole
from chassis.http.pagination import PageIn, page_of
from chassis.http.routes import access
from needs import actions, queries
from needs.catalogue.labels import KINDS as PLEDGE_KINDS
from needs.filters import BEST_BEFORE, QUANTITY, HallIn, Scope
from needs.model import Pledge
from needs.rules import acts_on_pledge, open_quantity

api = APIBlueprint("pledges", __name__)

CLAIM_STATES = {
    "waiting": ("处理中", "being decided"),
    "accepted": ("已认领", "claimed"),
    "failed": ("未能认领，意向仍有效", "not claimed; the pledge stays open"),
}
CLAIM_PROBLEMS = {
    "need_over": ("需求已结束", "the need has ended"),
    "not_enough": ("剩余的数量已被他人认领", "others were faster, and nothing was left"),
    "does_not_fit": ("与需求不相符", "it does not fit the need"),
    "household_limit": ("这户人家能从这份意向得到的数量已满", "the household has received all that the pledge gives to one household"),
}


class PledgeIn(Strict):
    kind = Choice(PLEDGE_KINDS, metadata={"description": "must fit the item; by default the item's kind, for a group goods if any fit"})
    category = Category(required=True, metadata={"description": "an item or a group of the catalogue"})
    unit = Text(20, required=True)
    quantity = Whole(*QUANTITY, required=True)
    region = Scope(required=True, metadata={"description": "the township or wider region it may go to; empty is the whole country"})
    valid_until = Moment(required=True)
    note = Text(500, metadata={"description": "seen by the pledger only"})
    choose_until = Moment(
        metadata={"description": "at most 72 hours ahead: until then nothing is proposed, because the giver chooses needs themselves"}
    )
    best_before = Moment(metadata={"description": BEST_BEFORE})
    limit_per_household = Whole(*QUANTITY, metadata={"description": "the most that one household may get of the pledge"})
    claims = Id(metadata={"description": "a need that the giver chose: it gets the pledge at once, first of all the units that they hold"})
    claimed = Whole(*QUANTITY, metadata={"description": "with `claims`: the most units for that need; by default all of the pledge"})

    @validates_schema
    def require_claim(self, data: dict[str, Any], **_: Any) -> None:
        if "claimed" in data and "claims" not in data:
            raise ValidationError("required", "claims")


class AgainIn(Strict):
    match_id = Id(required=True, metadata={"description": "a match of the caller's of which something came back"})
    quantity = Whole(*QUANTITY, metadata={"description": "units to offer again; by default all that came back"})
    valid_until = Moment(metadata={"description": "by default that of the former pledge, or 30 days from now if that is over"})
    best_before = Moment(metadata={"description": "by default that of the former pledge"})


class PledgeChangeIn(Strict):
    quantity = Whole(*QUANTITY)
    region = Scope()
    valid_until = Moment()
    choose_until = Moment(metadata={"description": "a moment that is over ends the choice: the pledge is matched from now on"})
    best_before = Moment(metadata={"description": BEST_BEFORE})
    limit_per_household = Whole(*QUANTITY)

    @validates_schema
    def require_a_change(self, data: dict[str, Any], **_: Any) -> None:
        if not data:
            raise ValidationError("required")


class PledgeOut(Schema):
    """A pledge. Matching decides on each version; `answered_version` is the newest it has decided on."""

    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    answered_version = fields.Integer(required=True)
    kind = Choice(PLEDGE_KINDS, required=True)
    category = fields.String(required=True)
    unit = fields.String(required=True)
    quantity = fields.Integer(required=True)
    accepted = fields.Integer(required=True, metadata={"description": "promised, less the quantity that was never sent"})
    delivered = fields.Integer(required=True, metadata={"description": "of `accepted`, confirmed as received"})
    proposed = fields.Integer(required=True)
    open = fields.Integer(required=True, metadata={"description": "neither accepted nor waiting for an answer"})
    region = fields.String(required=True)
    valid_until = fields.AwareDateTime(required=True)
    withdrawn = fields.Boolean(required=True)
    resting = fields.Boolean(
        required=True,
        metadata={"description": "paused by a refusal, until the pledge changes or its rule is withdrawn (`GET /v1/lessons`)"},
    )
    offered_at = fields.AwareDateTime(required=True)
    choose_until = fields.AwareDateTime(required=True, allow_none=True)
    best_before = fields.AwareDateTime(required=True, allow_none=True)
    limit_per_household = fields.Integer(required=True, allow_none=True)
    claims = fields.UUID(required=True, allow_none=True, metadata={"description": "the need that the pledge was offered for"})
    claim_state = Choice(
        CLAIM_STATES, required=True, allow_none=True, metadata={"description": "null without `claims`; matching decides within seconds"}
    )
    claim_problem = Choice(CLAIM_PROBLEMS, required=True, allow_none=True)
    again_of = fields.UUID(required=True, allow_none=True, metadata={"description": "the match of which this came back"})
    note = fields.String(required=True, allow_none=True)
    pledger_id = fields.UUID(required=True, allow_none=True)
    allowed = AllowedOperations()


PledgePage = page_of(PledgeOut)
PERSONAL = ("pledger_id", "note", "claims", "claim_state", "claim_problem", "again_of")
"""Fields that the pledger alone sees."""
_WHOLE = tuple(name for name in PledgeOut.names() if name not in {"open", "allowed"})
_PUBLIC = tuple(name for name in _WHOLE if name not in PERSONAL)


@api.post("/pledges")
@access(who=GIVERS, x_view="own")
@api.input(PledgeIn)
@api.output(PledgeOut, 201)
def offer_pledge(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Offer something. Matching proposes it to needs of its region by itself; with `claims` it goes to the chosen need at once."""
    return _answer(actions.offer_pledge(session, caller, json_data), caller, 201)


@api.post("/pledges/again")
@access(who=GIVERS, x_view="own")
@api.input(AgainIn)
@api.output(PledgeOut, 201)
def offer_again(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Offer again what came back of a match: units that were sent and not received, or never sent of a pledge that has ended."""
    return _answer(actions.offer_again(session, caller, **json_data), caller, 201)


@api.get("/pledges")
@access(who=ANYONE, x_view="public", tagged=True)
@api.input(HallIn, location="query")
@api.output(PledgePage)
def list_pledges(session: Session, caller: Caller | None, query_data: dict[str, Any]) -> Any:
    """List the open pledges, newest first, without their pledgers."""
    page = queries.list_open_pledges(session, **query_data)
    return page | {"items": [_pledge_out(pledge, caller, masked=True) for pledge in page["items"]]}


@api.get("/pledges/mine")
@access(who=GIVERS, x_view="own")
@api.input(PageIn, location="query")
@api.output(PledgePage)
def list_own_pledges(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List the caller's own pledges."""
    page = queries.list_own_pledges(session, caller, **query_data)
    return page | {"items": [_pledge_out(pledge, caller) for pledge in page["items"]]}


@api.get("/pledges/<uuid:pledge_id>")
@access(who=SIGNED_IN, x_view="own")
@api.output(PledgeOut)
def get_pledge(session: Session, caller: Caller, pledge_id: UUID) -> Any:
    """Get a pledge of the caller's own."""
    return _pledge_out(queries.get_own_pledge(session, caller, pledge_id), caller)


@api.patch("/pledges/<uuid:pledge_id>")
@access(who=GIVERS, x_view="own")
@api.input(PledgeChangeIn)
@api.output(PledgeOut, 202)
def change_pledge(session: Session, caller: Caller, pledge_id: UUID, json_data: dict[str, Any]) -> Any:
    """Change a pledge's figures. Matching has decided when `answered_version` reaches the `version` of this answer."""
    return _answer(actions.change_pledge(session, caller, pledge_id, json_data), caller, 202)


@api.post("/pledges/<uuid:pledge_id>/withdrawal")
@access(who=GIVERS, x_view="own")
@api.input(NothingIn)
@api.output(PledgeOut, 202)
def withdraw_pledge(session: Session, caller: Caller, pledge_id: UUID, json_data: dict[str, Any]) -> Any:
    """Withdraw a pledge. Accepted quantities stay. Wait for `answered_version` as after a change."""
    return _answer(actions.withdraw_pledge(session, caller, pledge_id), caller, 202)


def _answer(pledge: Pledge, caller: Caller, status: int) -> Any:
    return _pledge_out(pledge, caller), status, {"Location": f"/v1/pledges/{pledge.id}"}


def _pledge_out(pledge: Pledge, caller: Caller | None, masked: bool = False) -> dict[str, Any]:
    more: dict[str, Any] = {"open": open_quantity(pledge), "allowed": acts_on_pledge(caller, pledge)}
    more |= dict.fromkeys(PERSONAL) if masked else {}
    return {name: getattr(pledge, name) for name in (_PUBLIC if masked else _WHOLE)} | more
