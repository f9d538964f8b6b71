"""Answering a proposal, and choosing a need oneself."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from sqlalchemy.orm import Session

from chassis.http.auth import GIVERS, HOUSEHOLD, STAFF, Caller
from chassis.http.fields import Choice, Id, Strict, Whole
from chassis.http.routes import access
from matching.book.labels import DECLINES, REFUSALS
from matching.matches.actions import answers as actions
from matching.matches.api.matches import MatchOut, created

api = APIBlueprint("answers", __name__)


class AcceptanceIn(Strict):
    quantity = Whole(1, 10**9, metadata={"description": "a part of what was proposed; all of it when left out"})


class RefusalIn(Strict):
    reason = Choice(REFUSALS, required=True)


class DeclineIn(Strict):
    reason = Choice(DECLINES, required=True, metadata={"description": "told to the pledger"})


class ClaimIn(Strict):
    need_id = Id(required=True)
    pledge_id = Id(required=True, metadata={"description": "the pledge of one's own to take it from"})
    quantity = Whole(1, 10**9, required=True)


@api.post("/matches/<uuid:match_id>/acceptance")
@access(who=GIVERS, x_view="own")
@api.input(AcceptanceIn)
@api.output(MatchOut, 201)
def accept_match(session: Session, caller: Caller, match_id: UUID, json_data: dict[str, Any]) -> Any:
    """Agree to give what was proposed, or a part of it; the rest is free again."""
    return created(session, actions.accept_match(session, caller, match_id, **json_data), caller)


@api.post("/matches/<uuid:match_id>/refusal")
@access(who=GIVERS, x_view="own")
@api.input(RefusalIn)
@api.output(MatchOut, 201)
def refuse_match(session: Session, caller: Caller, match_id: UUID, json_data: dict[str, Any]) -> Any:
    """Decline a proposal, and say why; the pair is not proposed again, and more is learnt about the pledge (`GET /v1/lessons`).

    `too_far`: it is not proposed again to needs of that county; if it is for one county, of that township. `does_not_fit`: not again for
    that item, if it is for a group. `out_of_stock`, `changed_my_mind`: it rests, and whatever else is proposed of it lapses. All of it
    holds until the pledger takes it back or changes the pledge.
    """
    return created(session, actions.refuse_match(session, caller, match_id, **json_data), caller)


@api.post("/matches/<uuid:match_id>/decline")
@access(who=HOUSEHOLD | STAFF, x_view="own")
@api.input(DeclineIn)
@api.output(MatchOut, 201)
def decline_match(session: Session, caller: Caller, match_id: UUID, json_data: dict[str, Any]) -> Any:
    """The household's side does not want what was proposed or accepted, and it is not sent yet; the pair is not proposed again."""
    return created(session, actions.decline_match(session, caller, match_id, **json_data), caller)


@api.post("/claims")
@access(who=GIVERS, x_view="own")
@api.input(ClaimIn)
@api.output(MatchOut, 201)
def claim_need(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Choose a need and set a quantity of one's own pledge aside for it; the match is accepted at once."""
    return created(session, actions.claim_need(session, caller, **json_data), caller)
