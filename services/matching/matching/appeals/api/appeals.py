"""HTTP routes of reliability events, for the people they are about, and of appeals against them."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis.http.auth import SIGNED_IN, STAFF, Caller
from chassis.http.fields import AllowedOperations, Choice, Region, Schema, Strict, Text
from chassis.http.pagination import PageIn, page_of
from chassis.http.routes import access
from chassis.http.shown import note_shown
from matching.appeals import actions, queries
from matching.appeals.labels import APPEALS, MARKS, OUTCOMES
from matching.appeals.model import Appeal, ReliabilityEvent
from matching.appeals.rules import find_decision_problem, find_lodging_problem

api = APIBlueprint("appeals", __name__)


class AppealIn(Strict):
    text = Text(500, required=True, metadata={"description": "the reason why the event is wrong; personal, read by the county alone"})


class DecisionIn(Strict):
    outcome = Choice(OUTCOMES, required=True)
    answer = Text(500, required=True, metadata={"description": "the reason, read by the appellant"})


class ManagedAppealsIn(PageIn):
    region = Region((0, 2, 4, 6, 9, 12), load_default="")
    state = Choice(APPEALS)


class MarkOut(Schema):
    """A reliability event: evidence from a match for and against the caller. Its weight halves every 180 days."""

    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    match_id = fields.UUID(required=True)
    kind = Choice(MARKS, required=True)
    good = fields.Float(required=True)
    bad = fields.Float(required=True)
    at = fields.AwareDateTime(required=True)
    void_at = fields.AwareDateTime(
        required=True, allow_none=True, metadata={"description": "when the event was voided; a voided event does not count"}
    )
    suspended = fields.Boolean(
        required=True, metadata={"description": "does not count for now: the match is disputed, or an appeal against the event waits"}
    )
    appeal_id = fields.UUID(required=True, allow_none=True)
    allowed = AllowedOperations()


class AppealOut(Schema):
    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    mark_id = fields.UUID(required=True)
    match_id = fields.UUID(required=True)
    kind = Choice(MARKS, required=True, metadata={"description": "kind of the event"})
    state = Choice(APPEALS, required=True)
    text = fields.String(required=True)
    answer = fields.String(required=True, allow_none=True)
    lodged_at = fields.AwareDateTime(required=True)
    decided_at = fields.AwareDateTime(required=True, allow_none=True)
    allowed = AllowedOperations()


MarkPage, AppealPage = page_of(MarkOut), page_of(AppealOut)


@api.get("/marks")
@access(who=SIGNED_IN, x_view="own")
@api.input(PageIn, location="query")
@api.output(MarkPage)
def list_own_marks(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List the events behind the caller's reliability, match by match."""
    page = queries.list_own_events(session, caller, **query_data)
    return page | {"items": [_event(event, caller) for event in page["items"]]}


@api.get("/marks/<uuid:mark_id>")
@access(who=SIGNED_IN, x_view="own")
@api.output(MarkOut)
def get_mark(session: Session, caller: Caller, mark_id: UUID) -> Any:
    """Get one reliability event about the caller."""
    return _event(queries.get_own_event(session, caller, mark_id), caller)


@api.post("/marks/<uuid:mark_id>/appeal")
@access(who=SIGNED_IN, x_view="own")
@api.input(AppealIn)
@api.output(AppealOut, 201)
def appeal_mark(session: Session, caller: Caller, mark_id: UUID, json_data: dict[str, Any]) -> Any:
    """Appeal against a reliability event, once. The county decides."""
    return _made(actions.appeal_mark(session, caller, mark_id, **json_data), caller)


@api.get("/appeals")
@access(who=SIGNED_IN, x_view="own")
@api.input(PageIn, location="query")
@api.output(AppealPage)
def list_own_appeals(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List the appeals that the caller lodged."""
    return _page(queries.list_own_appeals(session, caller, **query_data), caller)


@api.get("/appeals/managed")
@access(who=STAFF, x_view="region")
@api.input(ManagedAppealsIn, location="query")
@api.output(AppealPage)
def list_managed_appeals(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List the appeals in the counties that the caller manages; `state=waiting` are those to decide."""
    return _page(queries.list_managed_appeals(session, caller, **query_data), caller)


@api.get("/appeals/<uuid:appeal_id>")
@access(who=SIGNED_IN, x_view="own")
@api.output(AppealOut)
def get_appeal(session: Session, caller: Caller, appeal_id: UUID) -> Any:
    """Get one appeal, for the appellant and the county."""
    return _shown(queries.get_visible_appeal(session, caller, appeal_id), caller)


@api.post("/appeals/<uuid:appeal_id>/decision")
@access(who=STAFF, x_view="region")
@api.input(DecisionIn)
@api.output(AppealOut, 201)
def decide_appeal(session: Session, caller: Caller, appeal_id: UUID, json_data: dict[str, Any]) -> Any:
    """Void the event or keep it, with a reason; for administrators of the county who took no part in the match."""
    return _made(actions.decide_appeal(session, caller, appeal_id, **json_data), caller)


def _page(page: dict[str, Any], caller: Caller) -> dict[str, Any]:
    return page | {"items": [_shown(appeal, caller) for appeal in page["items"]]}


def _made(appeal: Appeal, caller: Caller) -> Any:
    return _shown(appeal, caller), 201, {"Location": f"/v1/appeals/{appeal.id}"}


def _shown(appeal: Appeal, caller: Caller) -> dict[str, Any]:
    note_shown(caller, "appeal", appeal.id, people=[appeal.person_id], region=appeal.event.match.region)
    acts = [] if find_decision_problem(caller, appeal) else ["decide_appeal"]
    more = {"match_id": appeal.event.match_id, "kind": appeal.event.kind, "allowed": acts}
    return {name: getattr(appeal, name) for name in AppealOut.names() if name not in more} | more


def _event(event: ReliabilityEvent, caller: Caller) -> dict[str, Any]:
    acts = [] if find_lodging_problem(caller, event) else ["appeal_mark"]
    more = {"appeal_id": event.appeal and event.appeal.id, "allowed": acts}
    return {name: getattr(event, name) for name in MarkOut.names() if name not in more} | more
