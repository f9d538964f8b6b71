"""Disputes over HTTP: opened on a match, answered in the place, raised, settled by the county."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis.http.auth import SIGNED_IN, STAFF, Caller
from chassis.http.fields import AllowedOperations, Choice, Flag, NothingIn, Region, Schema, Strict, Text
from chassis.http.pagination import PageIn, page_of
from chassis.http.routes import access
from matching.disputes import actions
from matching.disputes.model import Dispute
from matching.disputes.rules import acts_on_dispute

api = APIBlueprint("disputes", __name__)

CAUSES = {
    "not_arrived": ("没有收到", "it did not arrive"),
    "less_than_said": ("数量不符", "it is not as much as the other side says"),
    "damaged": ("有损坏", "it was damaged"),
    "other": ("其他", "other"),
}
DISPUTES = {
    "open": ("待当地答复", "waits for the place's answer"),
    "answered": ("当地已答复", "answered by the place"),
    "raised": ("待县里处理", "waits for the county"),
    "settled": ("已处理", "settled"),
}
OUTCOMES = {
    "upheld": ("异议成立", "upheld"),
    "partly_upheld": ("部分成立", "upheld in part"),
    "dismissed": ("异议不成立", "dismissed"),
    "agreed": ("双方已协商解决", "both sides agreed"),
}
SIDES = {"giver": ("爱心方", "who gives"), "household": ("需求方", "the household's side")}


class DisputeIn(Strict):
    cause = Choice(CAUSES, required=True)
    text = Text(1000, required=True, metadata={"description": "what happened; personal, read by both sides and the administrators around"})


class AnswerIn(Strict):
    outcome = Choice(OUTCOMES, required=True)
    answer = Text(1000, required=True, metadata={"description": "what was found; read as the dispute's text is"})


class RulingIn(Strict):
    outcome = Choice(OUTCOMES, required=True)
    ruling = Text(1000, required=True, metadata={"description": "why; read as the dispute's text is"})


class ManagedDisputesIn(PageIn):
    region = Region((0, 2, 4, 6, 9, 12), load_default="")
    state = Choice(DISPUTES, metadata={"description": "all that are not settled, when it is left out"})
    overdue = Flag(in_address=True, load_default=False, metadata={"description": "only those that the county ought to have settled by now"})


class DisputeOut(Schema):
    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    match_id = fields.UUID(required=True)
    side = Choice(SIDES, required=True, metadata={"description": "who disputes"})
    cause = Choice(CAUSES, required=True)
    text = fields.String(required=True)
    state = Choice(DISPUTES, required=True)
    outcome = Choice(OUTCOMES, required=True, allow_none=True, metadata={"description": "what was decided last"})
    opened_at = fields.AwareDateTime(required=True)
    due_at = fields.AwareDateTime(
        required=True, allow_none=True, metadata={"description": "then an open one goes up to the county, an answered one is settled"}
    )
    answer = fields.String(required=True, allow_none=True)
    answered_at = fields.AwareDateTime(required=True, allow_none=True)
    raised_at = fields.AwareDateTime(required=True, allow_none=True)
    decide_by = fields.AwareDateTime(
        required=True,
        allow_none=True,
        metadata={"description": "when the county ought to settle it; those who may are reminded until it is"},
    )
    overdue = fields.Boolean(required=True, metadata={"description": "whether it waits for the county longer than that"})
    ruling = fields.String(required=True, allow_none=True)
    settled_at = fields.AwareDateTime(required=True, allow_none=True)
    allowed = AllowedOperations()


DisputePage = page_of(DisputeOut)


@api.post("/matches/<uuid:match_id>/dispute")
@access(who=SIGNED_IN, x_view="own")
@api.input(DisputeIn)
@api.output(DisputeOut, 201)
def dispute_match(session: Session, caller: Caller, match_id: UUID, json_data: dict[str, Any]) -> Any:
    """Say that what was sent or received is not as the other side says: once, by either side. Until it is settled the match stays open."""
    return _made(actions.dispute_match(session, caller, match_id, **json_data), caller)


@api.get("/matches/<uuid:match_id>/dispute")
@access(who=SIGNED_IN, x_view="own")
@api.output(DisputeOut)
def get_dispute_of_match(session: Session, caller: Caller, match_id: UUID) -> Any:
    """The dispute of a match, for both sides and the administrators of its region."""
    return _shown(actions.find_dispute_of_match(session, caller, match_id), caller)


@api.get("/disputes")
@access(who=SIGNED_IN, x_view="own")
@api.input(PageIn, location="query")
@api.output(DisputePage)
def list_own_disputes(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """The disputes of one's own matches, whoever opened them."""
    return _page(actions.list_own_disputes(session, caller, **query_data), caller)


@api.get("/disputes/managed")
@access(who=STAFF, x_view="region")
@api.input(ManagedDisputesIn, location="query")
@api.output(DisputePage)
def list_managed_disputes(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """The disputes in the regions one manages that are not settled; `state=raised` are those that wait for the county."""
    return _page(actions.list_managed_disputes(session, caller, **query_data), caller)


@api.get("/disputes/<uuid:dispute_id>")
@access(who=SIGNED_IN, x_view="own")
@api.output(DisputeOut)
def get_dispute(session: Session, caller: Caller, dispute_id: UUID) -> Any:
    """One dispute, for both sides of its match and the administrators of its region."""
    return _shown(actions.find_visible_dispute(session, caller, dispute_id), caller)


@api.post("/disputes/<uuid:dispute_id>/answer")
@access(who=STAFF, x_view="region")
@api.input(AnswerIn)
@api.output(DisputeOut, 201)
def answer_dispute(session: Session, caller: Caller, dispute_id: UUID, json_data: dict[str, Any]) -> Any:
    """Say what the place found; for administrators around who took no part in the match. It stands if nobody takes it on in seven days."""
    return _made(actions.answer_dispute(session, caller, dispute_id, **json_data), caller)


@api.post("/disputes/<uuid:dispute_id>/raising")
@access(who=SIGNED_IN, x_view="own")
@api.input(NothingIn)
@api.output(DisputeOut, 201)
def raise_dispute(session: Session, caller: Caller, dispute_id: UUID, json_data: dict[str, Any]) -> Any:
    """Take an answered dispute on to the county, by either side. What nobody answered in seven days goes there by itself."""
    return _made(actions.raise_dispute(session, caller, dispute_id), caller)


@api.post("/disputes/<uuid:dispute_id>/settlement")
@access(who=STAFF, x_view="region")
@api.input(RulingIn)
@api.output(DisputeOut, 201)
def settle_dispute(session: Session, caller: Caller, dispute_id: UUID, json_data: dict[str, Any]) -> Any:
    """Decide what was raised, for administrators of the county or a wider region who took no part in it. That is the end of it."""
    return _made(actions.settle_dispute(session, caller, dispute_id, **json_data), caller)


def _made(dispute: Dispute, caller: Caller) -> Any:
    return _shown(dispute, caller), 201, {"Location": f"/v1/disputes/{dispute.id}"}


def _page(page: dict[str, Any], caller: Caller) -> dict[str, Any]:
    return page | {"items": [_shown(dispute, caller) for dispute in page["items"]]}


def _shown(dispute: Dispute, caller: Caller) -> dict[str, Any]:
    stated = {name: getattr(dispute, name) for name in DisputeOut().fields if name != "allowed"}
    return stated | {"allowed": acts_on_dispute(caller, dispute)}
