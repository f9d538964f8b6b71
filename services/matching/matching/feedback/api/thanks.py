"""HTTP routes of thanks."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis.http.auth import HOUSEHOLD, SIGNED_IN, STAFF, Caller
from chassis.http.fields import AllowedOperations, Choice, Id, NothingIn, Region, Schema, Strict, Text
from chassis.http.pagination import PageIn, page_of
from chassis.http.routes import access
from matching.book.shown import note_of_match_shown
from matching.feedback import queries
from matching.feedback.actions import thanks as actions
from matching.feedback.labels import THANKS, THANKS_REFUSALS
from matching.feedback.model import Thanks
from matching.feedback.rules import Managers, find_decision_problem

api = APIBlueprint("thanks", __name__)

DECISIONS = ("release_thanks", "refuse_thanks")


class ThanksIn(Strict):
    text = Text(500, required=True, metadata={"description": "personal; the giver reads it once it is released"})
    photo_id = Id(metadata={"description": "a photo from `POST /v1/matches/{match_id}/thanks-photos`"})


class ThanksRefusalIn(Strict):
    reason = Choice(THANKS_REFUSALS, required=True)


class OwnThanksIn(PageIn):
    state = Choice(THANKS)


class ManagedThanksIn(OwnThanksIn):
    region = Region((0, 2, 4, 6, 9, 12), load_default="")


class ThanksOut(Schema):
    """Thanks for what arrived in a match; the giver sees only released ones."""

    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    match_id = fields.UUID(required=True)
    state = Choice(THANKS, required=True)
    text = fields.String(required=True)
    photo_id = fields.UUID(required=True, allow_none=True)
    reason = Choice(THANKS_REFUSALS, required=True, allow_none=True, metadata={"description": "the reason of the refusal"})
    written_at = fields.AwareDateTime(required=True)
    decided_at = fields.AwareDateTime(required=True, allow_none=True)
    allowed = AllowedOperations()


ThanksPage = page_of(ThanksOut)


@api.post("/matches/<uuid:match_id>/thanks")
@access(who=HOUSEHOLD | STAFF, x_view="own")
@api.input(ThanksIn)
@api.output(ThanksOut, 201)
def thank_giver(session: Session, caller: Caller, match_id: UUID, json_data: dict[str, Any]) -> Any:
    """Thank the giver for what arrived. An administrator reads it first."""
    return _made(session, actions.thank_giver(session, caller, match_id, **json_data), caller)


@api.get("/thanks")
@access(who=SIGNED_IN, x_view="own")
@api.input(OwnThanksIn, location="query")
@api.output(ThanksPage)
def list_own_thanks(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List the thanks that the caller received or wrote."""
    return _page(session, queries.list_own_thanks(session, caller, **query_data), caller)


@api.get("/thanks/managed")
@access(who=STAFF, x_view="region")
@api.input(ManagedThanksIn, location="query")
@api.output(ThanksPage)
def list_managed_thanks(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List the thanks in the regions that the caller manages; `state=waiting` are those to decide."""
    return _page(session, queries.list_managed_thanks(session, caller, **query_data), caller)


@api.get("/thanks/<uuid:thanks_id>")
@access(who=SIGNED_IN, x_view="own")
@api.output(ThanksOut)
def get_thanks(session: Session, caller: Caller, thanks_id: UUID) -> Any:
    """Get the thanks of one match."""
    thanks = queries.get_visible_thanks(session, caller, thanks_id)
    return _shown(thanks, caller, queries.load_managers(session, caller, [thanks]))


@api.post("/thanks/<uuid:thanks_id>/release")
@access(who=STAFF, x_view="region")
@api.input(NothingIn)
@api.output(ThanksOut, 201)
def release_thanks(session: Session, caller: Caller, thanks_id: UUID, json_data: dict[str, Any]) -> Any:
    """Release thanks to the giver. Authors release their own only when nobody else manages the region."""
    return _made(session, actions.release_thanks(session, caller, thanks_id), caller)


@api.post("/thanks/<uuid:thanks_id>/refusal")
@access(who=STAFF, x_view="region")
@api.input(ThanksRefusalIn)
@api.output(ThanksOut, 201)
def refuse_thanks(session: Session, caller: Caller, thanks_id: UUID, json_data: dict[str, Any]) -> Any:
    """Refuse thanks, with a reason; the household's side may write others."""
    return _made(session, actions.refuse_thanks(session, caller, thanks_id, **json_data), caller)


def _page(session: Session, page: dict[str, Any], caller: Caller) -> dict[str, Any]:
    managers = queries.load_managers(session, caller, page["items"])
    return page | {"items": [_shown(thanks, caller, managers) for thanks in page["items"]]}


def _made(session: Session, thanks: Thanks, caller: Caller) -> Any:
    shown = _shown(thanks, caller, queries.load_managers(session, caller, [thanks]))
    return shown, 201, {"Location": f"/v1/thanks/{thanks.id}"}


def _shown(thanks: Thanks, caller: Caller, managers: Managers) -> dict[str, Any]:
    note_of_match_shown(caller, thanks.match, "thanks", thanks.id)
    acts = [] if find_decision_problem(caller, thanks, managers) else list(DECISIONS)
    return {name: getattr(thanks, name) for name in ThanksOut.names() if name != "allowed"} | {"allowed": acts}
