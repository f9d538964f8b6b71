"""HTTP operations of the review: the work list, verification, return and rejection of needs, one by one or many at once; amending."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from marshmallow import ValidationError, fields, validate, validates_schema
from sqlalchemy.orm import Session

from chassis.http.auth import HOUSEHOLD, STAFF, Caller
from chassis.http.fields import NEVER, Category, Choice, Flag, Id, Region, Schema, Strict, Text, Whole
from chassis.http.pagination import PageIn
from chassis.http.routes import access
from chassis.problems import language
from needs.api.needs import NEED_STATES, STORY, NeedOut, NeedPage, SpecificationIn, needs_out
from needs.filters import QUANTITY
from needs.labels import URGENCY
from needs.model import Need
from needs.review import actions, queries
from needs.review.actions import Outcome
from needs.review.labels import ACTS, REJECTIONS, RETURNS, STEPS
from needs.review.rules import Decided

api = APIBlueprint("reviews", __name__)

MOST_AT_ONCE, MOST_BYTES = 300, 1_000_000
OUTCOMES = {"done": ("已办理", "carried out"), "refused": ("未办理", "refused")}
SETTLES = "needed when the need's quantity is unknown; 422 `quantity_unsettled`"
NOTE = "what the poster should change; seen by the poster and the administrators"
REASONS = {"return": RETURNS, "reject": REJECTIONS}


class WaitingIn(PageIn):
    region = Region((0, 2, 4, 6, 9, 12), load_default="")
    step = Choice(STEPS)
    overdue = Flag(in_address=True, load_default=False, metadata={"description": "only those whose time is over"})


class VerificationIn(Strict):
    story = Text(500, metadata={"description": f"replaces the poster's; {STORY}"})
    quantity = Whole(*QUANTITY, metadata={"description": SETTLES})


class NeedReturnIn(Strict):
    reason = Choice(RETURNS, required=True)
    note = Text(200, metadata={"description": NOTE})


class RejectionIn(Strict):
    reason = Choice(REJECTIONS, required=True)


class AmendmentIn(Strict):
    category = Category()
    quantity = Whole(*QUANTITY)
    urgency = Choice(URGENCY)
    specification = fields.Nested(SpecificationIn, metadata={"description": "replaces the former one; another item begins without"})
    reason = Text(500)
    story = Text(500, metadata={"description": STORY})

    @validates_schema
    def require_a_change(self, data: dict[str, Any], **_: Any) -> None:
        if not data:
            raise ValidationError("required")


class NeedDecisionIn(Strict):
    """A decision about one need."""

    need_id = Id(required=True)
    act = Choice(ACTS, required=True)
    reason = Choice(RETURNS | REJECTIONS, metadata={"description": "required to return or reject"})
    story = Text(500, metadata={"description": f"to verify; {STORY}"})
    quantity = Whole(*QUANTITY, metadata={"description": f"to verify; {SETTLES}"})
    note = Text(200, metadata={"description": f"to return; {NOTE}"})

    @validates_schema
    def require_fitting_fields(self, data: dict[str, Any], **_: Any) -> None:
        fitting = {"verify": {"story", "quantity"}, "return": {"reason", "note"}, "reject": {"reason"}}[data["act"]]
        for name in ("reason", "story", "quantity", "note"):
            if name in data and name not in fitting:
                raise ValidationError("wrong", name)
        if "reason" in fitting and "reason" not in data:
            raise ValidationError("required", "reason")
        if "reason" in data and data["reason"] not in REASONS[data["act"]]:
            raise ValidationError("not_a_choice", "reason")


class NeedDecisionsIn(Strict):
    decisions = fields.List(
        fields.Nested(NeedDecisionIn),
        required=True,
        validate=validate.Length(min=1, max=MOST_AT_ONCE, error="out_of_range"),
        error_messages=NEVER | {"invalid": "wrong"},
        metadata={"description": "at most one for each need; each is judged by itself"},
    )

    @validates_schema
    def require_different_needs(self, data: dict[str, Any], **_: Any) -> None:
        ids = [one["need_id"] for one in data["decisions"]]
        if len(set(ids)) < len(ids):
            raise ValidationError("wrong", "decisions")


class NeedDecisionOut(Schema):
    """The outcome of one decision. A need that the caller may not see has no id here."""

    outcome = Choice(OUTCOMES, required=True)
    need_id = fields.UUID(required=True, allow_none=True)
    state = Choice(NEED_STATES, required=True, allow_none=True)
    version = fields.Integer(required=True, allow_none=True)
    code = fields.String(required=True, allow_none=True, metadata={"description": "of the problem, when refused"})
    message = fields.String(required=True, allow_none=True)


class NeedDecisionsOut(Schema):
    results = fields.List(fields.Nested(NeedDecisionOut), required=True, metadata={"description": "in the order of the request"})


@api.get("/needs/waiting")
@access(who=STAFF, x_view="region")
@api.input(WaitingIn, location="query")
@api.output(NeedPage)
def list_waiting_needs(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List the needs that wait to be verified in the caller's regions: the most urgent first, then those whose time ends first."""
    page = queries.list_waiting_needs(session, caller, **query_data)
    return page | {"items": needs_out(session, page["items"], caller)}


@api.post("/needs/decisions")
@access(who=STAFF, x_view="region", idempotent=False, body_bytes=MOST_BYTES)
@api.input(NeedDecisionsIn)
@api.output(NeedDecisionsOut)
def decide_needs(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Verify, return or reject up to 300 needs. Each has its own outcome; sent again, the same decisions change nothing."""
    outcomes = actions.decide_needs(session, caller, [Decided(**one) for one in json_data["decisions"]])
    return {"results": _results(session, caller, outcomes)}


@api.post("/needs/<uuid:need_id>/verification")
@access(who=STAFF, x_view="region")
@api.input(VerificationIn)
@api.output(NeedOut, 201)
def verify_need(session: Session, caller: Caller, need_id: UUID, json_data: dict[str, Any]) -> Any:
    """Publish a need, with its public story. Its poster cannot, and a village's administrator can only where the township has none.

    Above the value that its county has set, the need is `confirmed` and waits for somebody else of the county.
    """
    return _answer(session, actions.verify_need(session, caller, need_id, **json_data), caller, 201)


@api.post("/needs/<uuid:need_id>/return")
@access(who=STAFF, x_view="region")
@api.input(NeedReturnIn)
@api.output(NeedOut, 201)
def return_need(session: Session, caller: Caller, need_id: UUID, json_data: dict[str, Any]) -> Any:
    """Return a need to its poster for a reason. Once amended, it waits again."""
    return _answer(session, actions.return_need(session, caller, need_id, **json_data), caller, 201)


@api.post("/needs/<uuid:need_id>/rejection")
@access(who=STAFF, x_view="region")
@api.input(RejectionIn)
@api.output(NeedOut, 201)
def reject_need(session: Session, caller: Caller, need_id: UUID, json_data: dict[str, Any]) -> Any:
    """Reject a need for a reason."""
    return _answer(session, actions.reject_need(session, caller, need_id, **json_data), caller, 201)


@api.patch("/needs/<uuid:need_id>")
@access(who=HOUSEHOLD | STAFF, x_view="own")
@api.input(AmendmentIn)
@api.output(NeedOut)
def amend_need(session: Session, caller: Caller, need_id: UUID, json_data: dict[str, Any]) -> Any:
    """Change a need that waits to be verified or was returned, as its household or its poster. A returned one is posted again."""
    return _answer(session, actions.amend_need(session, caller, need_id, json_data), caller, 200)


def _answer(session: Session, need: Need, caller: Caller, status: int) -> Any:
    return needs_out(session, [need], caller)[0], status, {"Location": f"/v1/needs/{need.id}"}


def _results(session: Session, caller: Caller, outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    # Rendering notes for the audit log whose needs were decided about.
    needs_out(session, [need for need, _ in outcomes if need], caller)
    return [
        {
            "outcome": "refused" if problem else "done",
            "need_id": need.id if need else None,
            "state": need.state if need else None,
            "version": need.version if need else None,
            "code": problem.code if problem else None,
            "message": problem.body(language())["title"] if problem else None,
        }
        for need, problem in outcomes
    ]
