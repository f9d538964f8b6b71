"""HTTP routes to answer a proposal and to claim a need."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from sqlalchemy.orm import Session

from chassis.http.auth import GIVERS, HOUSEHOLD, STAFF, Caller
from chassis.http.fields import Choice, Id, Strict, Whole
from chassis.http.routes import access
from matching.book import queries
from matching.book.labels import DECLINES, REFUSALS
from matching.matches.actions import answers as actions
from matching.matches.actions import claims
from matching.matches.api.matches import MatchOut, MatchPage, OfNeedIn, created, render_page

api = APIBlueprint("answers", __name__)


class AcceptanceIn(Strict):
    quantity = Whole(1, 10**9, metadata={"description": "a part of the proposed quantity; by default all of it"})


class RefusalIn(Strict):
    reason = Choice(REFUSALS, required=True)


class DeclineIn(Strict):
    reason = Choice(DECLINES, required=True, metadata={"description": "shown to the pledger"})


class ClaimIn(Strict):
    need_id = Id(required=True)
    pledge_id = Id(required=True, metadata={"description": "the caller's own pledge to use"})
    quantity = Whole(1, 10**9, required=True)


@api.post("/matches/<uuid:match_id>/acceptance")
@access(who=GIVERS, x_view="own")
@api.input(AcceptanceIn)
@api.output(MatchOut, 201)
def accept_match(session: Session, caller: Caller, match_id: UUID, json_data: dict[str, Any]) -> Any:
    """Accept a proposal, or a part of it; the rest is free again."""
    return created(session, actions.accept_match(session, caller, match_id, **json_data), caller)


@api.post("/matches/<uuid:match_id>/refusal")
@access(who=GIVERS, x_view="own")
@api.input(RefusalIn)
@api.output(MatchOut, 201)
def refuse_match(session: Session, caller: Caller, match_id: UUID, json_data: dict[str, Any]) -> Any:
    """Refuse a proposal with a reason. The pair is not proposed again, and the reason makes a rule about the pledge (`GET /v1/lessons`).

    `too_far`: the pledge is not proposed to that county again; if it is for one county, to that township. `does_not_fit`: a pledge for a
    group of items is not proposed for that item. `out_of_stock`, `changed_my_mind`: the pledge rests, and its other proposals lapse. A rule
    holds until the pledger withdraws it or changes the pledge.
    """
    return created(session, actions.refuse_match(session, caller, match_id, **json_data), caller)


@api.post("/matches/<uuid:match_id>/decline")
@access(who=HOUSEHOLD | STAFF, x_view="own")
@api.input(DeclineIn)
@api.output(MatchOut, 201)
def decline_match(session: Session, caller: Caller, match_id: UUID, json_data: dict[str, Any]) -> Any:
    """Decline a proposal, or an accepted match that is not sent yet; the pair is not proposed again."""
    return created(session, actions.decline_match(session, caller, match_id, **json_data), caller)


@api.post("/claims")
@access(who=GIVERS, x_view="own")
@api.input(ClaimIn)
@api.output(MatchOut, 201)
def claim_need(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Claim a need with a quantity of the caller's own pledge; the match is accepted at once. Units that the caller holds come first."""
    return created(session, claims.claim_need(session, caller, **json_data), caller)


@api.get("/claims")
@access(who=GIVERS, x_view="own")
@api.input(OfNeedIn, location="query")
@api.output(MatchPage)
def list_own_claims(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List the caller's claims: the matches whose need they chose themselves."""
    return render_page(session, queries.list_own_claims(session, caller, **query_data), caller)
