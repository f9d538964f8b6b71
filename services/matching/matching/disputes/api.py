"""HTTP routes of disputes."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis.http.auth import SIGNED_IN, STAFF, Caller
from chassis.http.fields import AllowedOperations, Choice, Flag, NothingIn, Region, Schema, Strict, Text, Whole
from chassis.http.pagination import PageIn, page_of
from chassis.http.routes import access
from matching.book.shown import note_of_match_shown
from matching.disputes import actions, queries
from matching.disputes.labels import CAUSES, DISPUTES, OUTCOMES, SIDES
from matching.disputes.model import Dispute
from matching.disputes.rules import acts_on_dispute

api = APIBlueprint("disputes", __name__)


class DisputeIn(Strict):
    cause = Choice(CAUSES, required=True)
    text = Text(1000, required=True, metadata={"description": "the events; personal, read by both sides and the region's administrators"})


class AnswerIn(Strict):
    outcome = Choice(OUTCOMES, required=True)
    received = Whole(
        0,
        10**9,
        metadata={"description": "what arrived, if that is less than was confirmed; the rest is needed again. Upheld `not_arrived`: 0"},
    )
    answer = Text(1000, required=True, metadata={"description": "findings; read by the same people as the dispute's text"})


class RulingIn(Strict):
    outcome = Choice(OUTCOMES, required=True)
    received = Whole(
        0,
        10**9,
        metadata={"description": "what arrived, if that is less than was confirmed; the rest is needed again. Upheld `not_arrived`: 0"},
    )
    ruling = Text(1000, required=True, metadata={"description": "reasons; read by the same people as the dispute's text"})


class ManagedDisputesIn(PageIn):
    region = Region((0, 2, 4, 6, 9, 12), load_default="")
    state = Choice(DISPUTES, metadata={"description": "only disputes in this state; all unsettled ones without it"})
    overdue = Flag(
        in_address=True, load_default=False, metadata={"description": "only disputes that the county should have settled by now"}
    )


class DisputeOut(Schema):
    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    match_id = fields.UUID(required=True)
    side = Choice(SIDES, required=True, metadata={"description": "the side that opened the dispute"})
    cause = Choice(CAUSES, required=True)
    text = fields.String(required=True)
    state = Choice(DISPUTES, required=True)
    outcome = Choice(OUTCOMES, required=True, allow_none=True, metadata={"description": "the last decision"})
    received = fields.Integer(
        required=True, allow_none=True, metadata={"description": "what arrived as the last decision found; null when the receipt stands"}
    )
    opened_at = fields.AwareDateTime(required=True)
    due_at = fields.AwareDateTime(
        required=True, allow_none=True, metadata={"description": "when an open dispute goes to the county, or an answered one is settled"}
    )
    answer = fields.String(required=True, allow_none=True)
    answered_at = fields.AwareDateTime(required=True, allow_none=True)
    raised_at = fields.AwareDateTime(required=True, allow_none=True)
    decide_by = fields.AwareDateTime(
        required=True,
        allow_none=True,
        metadata={"description": "when the county should settle it; its administrators are reminded until then and after"},
    )
    overdue = fields.Boolean(required=True, metadata={"description": "true when `decide_by` is over"})
    ruling = fields.String(required=True, allow_none=True)
    settled_at = fields.AwareDateTime(required=True, allow_none=True)
    allowed = AllowedOperations()


DisputePage = page_of(DisputeOut)


@api.post("/matches/<uuid:match_id>/dispute")
@access(who=SIGNED_IN, x_view="own")
@api.input(DisputeIn)
@api.output(DisputeOut, 201)
def dispute_match(session: Session, caller: Caller, match_id: UUID, json_data: dict[str, Any]) -> Any:
    """Dispute what was sent or received, once, by either side. The match stays open until the dispute is settled."""
    return _made(actions.dispute_match(session, caller, match_id, **json_data), caller)


@api.get("/matches/<uuid:match_id>/dispute")
@access(who=SIGNED_IN, x_view="own")
@api.output(DisputeOut)
def get_dispute_of_match(session: Session, caller: Caller, match_id: UUID) -> Any:
    """Get the dispute of a match, for both sides and the administrators of its region."""
    return _shown(queries.get_dispute_of_match(session, caller, match_id), caller)


@api.get("/disputes")
@access(who=SIGNED_IN, x_view="own")
@api.input(PageIn, location="query")
@api.output(DisputePage)
def list_own_disputes(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List the disputes of the caller's own matches, opened by either side."""
    return _page(queries.list_own_disputes(session, caller, **query_data), caller)


@api.get("/disputes/managed")
@access(who=STAFF, x_view="region")
@api.input(ManagedDisputesIn, location="query")
@api.output(DisputePage)
def list_managed_disputes(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List the unsettled disputes in the regions that the caller manages; `state=raised` are those that wait for the county."""
    return _page(queries.list_managed_disputes(session, caller, **query_data), caller)


@api.get("/disputes/<uuid:dispute_id>")
@access(who=SIGNED_IN, x_view="own")
@api.output(DisputeOut)
def get_dispute(session: Session, caller: Caller, dispute_id: UUID) -> Any:
    """Get one dispute, for both sides of its match and the administrators of its region."""
    return _shown(queries.get_visible_dispute(session, caller, dispute_id), caller)


@api.post("/disputes/<uuid:dispute_id>/answer")
@access(who=STAFF, x_view="region")
@api.input(AnswerIn)
@api.output(DisputeOut, 201)
def answer_dispute(session: Session, caller: Caller, dispute_id: UUID, json_data: dict[str, Any]) -> Any:
    """Answer a dispute with the findings of the place, for administrators who took no part in the match. They stand after seven days."""
    return _made(actions.answer_dispute(session, caller, dispute_id, **json_data), caller)


@api.post("/disputes/<uuid:dispute_id>/raising")
@access(who=SIGNED_IN, x_view="own")
@api.input(NothingIn)
@api.output(DisputeOut, 201)
def raise_dispute(session: Session, caller: Caller, dispute_id: UUID, json_data: dict[str, Any]) -> Any:
    """Raise an answered dispute to the county, by either side. One that nobody answers in seven days goes there by itself."""
    return _made(actions.raise_dispute(session, caller, dispute_id), caller)


@api.post("/disputes/<uuid:dispute_id>/settlement")
@access(who=STAFF, x_view="region")
@api.input(RulingIn)
@api.output(DisputeOut, 201)
def settle_dispute(session: Session, caller: Caller, dispute_id: UUID, json_data: dict[str, Any]) -> Any:
    """Settle a raised dispute, for administrators of the county or a wider region who took no part in it. The ruling is final."""
    return _made(actions.settle_dispute(session, caller, dispute_id, **json_data), caller)


def _made(dispute: Dispute, caller: Caller) -> Any:
    return _shown(dispute, caller), 201, {"Location": f"/v1/disputes/{dispute.id}"}


def _page(page: dict[str, Any], caller: Caller) -> dict[str, Any]:
    return page | {"items": [_shown(dispute, caller) for dispute in page["items"]]}


def _shown(dispute: Dispute, caller: Caller) -> dict[str, Any]:
    note_of_match_shown(caller, dispute.match, "dispute", dispute.id)
    stated = {name: getattr(dispute, name) for name in DisputeOut.names() if name != "allowed"}
    return stated | {"allowed": acts_on_dispute(caller, dispute)}
