"""What matching answers over HTTP."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from marshmallow import Schema, fields
from sqlalchemy.orm import Session

from chassis.auth import GIVERS, SIGNED_IN, STAFF, Caller
from chassis.fields import Acts, Choice, Id, NothingIn, Region, Strict, Whole
from chassis.http import access
from chassis.pages import PageIn, page_of
from chassis.problems import language
from matching import actions, queries
from matching.allowed import acts_on_match
from matching.model import Match
from matching.reasons import spoken
from matching.suggestions_api import api as suggestions

api = APIBlueprint("matching", __name__, url_prefix="/v1")
api.register_blueprint(suggestions)

STATES = {
    "proposed": ("待答复", "waiting for an answer"),
    "accepted": ("已接受", "accepted"),
    "refused": ("已谢绝", "refused"),
    "lapsed": ("已失效", "lapsed"),
}
REFUSALS = {
    "too_far": ("距离太远", "too far"),
    "out_of_stock": ("已无存货", "out of stock"),
    "does_not_fit": ("不合适", "does not fit"),
    "changed_my_mind": ("改变主意", "changed my mind"),
    "other": ("其他", "other"),
}


class RefusalIn(Strict):
    reason = Choice(REFUSALS, required=True)


class ClaimIn(Strict):
    need_id = Id(required=True)
    pledge_id = Id(required=True, metadata={"description": "the pledge of one's own to take it from"})
    quantity = Whole(1, 10**9, required=True)


class OwnIn(PageIn):
    state = Choice(STATES)


class ManagedIn(OwnIn):
    region = Region((0, 2, 4, 6, 9, 12), load_default="")


class ReasonOut(Schema):
    code = fields.String(required=True)
    value = fields.Raw(required=True, metadata={"type": ["string", "integer"]})
    text = fields.String(required=True)


class MatchOut(Schema):
    """A match. Until the pledger has accepted, they see the township of the need, not the village; why they refused is theirs."""

    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    state = Choice(STATES, required=True)
    need_id = fields.UUID(required=True)
    pledge_id = fields.UUID(required=True)
    region = fields.String(required=True)
    category = fields.String(required=True)
    unit = fields.String(required=True)
    quantity = fields.Integer(required=True)
    reasons = fields.List(fields.Nested(ReasonOut), required=True)
    proposed_at = fields.AwareDateTime(required=True)
    answer_by = fields.AwareDateTime(required=True)
    answered_at = fields.AwareDateTime(required=True, allow_none=True)
    ended_because = fields.String(required=True, allow_none=True)
    allowed = Acts()


MatchPage = page_of(MatchOut)


@api.get("/matches")
@access(who=SIGNED_IN, view="own")
@api.input(OwnIn, location="query")
@api.output(MatchPage)
def list_own_matches(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """The matches in which one is the pledger, the household or who posted for it."""
    return _page(queries.own_matches(session, caller, **query_data), caller)


@api.get("/matches/managed")
@access(who=STAFF, view="region")
@api.input(ManagedIn, location="query")
@api.output(MatchPage)
def list_managed_matches(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """The matches in the regions one manages."""
    return _page(queries.managed_matches(session, caller, **query_data), caller)


@api.get("/matches/<uuid:match_id>")
@access(who=SIGNED_IN, view="own")
@api.output(MatchOut)
def get_match(session: Session, caller: Caller, match_id: UUID) -> Any:
    """One match, for its two sides and the administrators of its region, with the reasons why it was proposed."""
    return _shown(queries.visible_match(session, caller, match_id), caller)


@api.post("/matches/<uuid:match_id>/acceptance")
@access(who=GIVERS, view="own")
@api.input(NothingIn)
@api.output(MatchOut, 201)
def accept_match(session: Session, caller: Caller, match_id: UUID, json_data: dict[str, Any]) -> Any:
    """Agree to give what was proposed."""
    return _made(actions.accept_match(session, caller, match_id), caller)


@api.post("/matches/<uuid:match_id>/refusal")
@access(who=GIVERS, view="own")
@api.input(RefusalIn)
@api.output(MatchOut, 201)
def refuse_match(session: Session, caller: Caller, match_id: UUID, json_data: dict[str, Any]) -> Any:
    """Decline a proposal, and say why; it is not proposed again."""
    return _made(actions.refuse_match(session, caller, match_id, **json_data), caller)


@api.post("/claims")
@access(who=GIVERS, view="own")
@api.input(ClaimIn)
@api.output(MatchOut, 201)
def claim_need(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Choose a need and set a quantity of one's own pledge aside for it; the match is accepted at once."""
    return _made(actions.claim_need(session, caller, **json_data), caller)


def _made(match: Match, caller: Caller) -> Any:
    return _shown(match, caller), 201, {"Location": f"/v1/matches/{match.id}"}


def _page(page: dict[str, Any], caller: Caller) -> dict[str, Any]:
    return page | {"items": [_shown(match, caller) for match in page["items"]]}


def _shown(match: Match, caller: Caller) -> dict[str, Any]:
    reasons = [reason | {"text": spoken(reason["code"], reason["value"], language())} for reason in match.reasons]
    more = {"reasons": reasons, "allowed": acts_on_match(caller, match)}
    whole = {name: getattr(match, name) for name in MatchOut().fields if name not in more} | more
    if match.state != "accepted" and caller.id == match.pledger_id:
        whole["region"] = match.region[:9]
    if match.state == "refused" and caller.id != match.pledger_id:
        whole["ended_because"] = None
    return whole
