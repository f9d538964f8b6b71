"""HTTP routes to read matches, for both sides and the administrators of the region."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis.data.items import find_item, find_words
from chassis.http.auth import SIGNED_IN, STAFF, Caller
from chassis.http.fields import AllowedOperations, Choice, Id, Region, Schema
from chassis.http.pagination import PageIn, page_of
from chassis.http.routes import access
from chassis.problems import language
from chassis.wording import ItemWords
from matching.allocation.reasons import render_reason
from matching.book import queries
from matching.book.labels import CARRIERS, DIFFERENCES, DISPUTED, STATES
from matching.book.model import Match
from matching.book.rules import PROMISED_STATES, acts_on_match
from matching.book.shown import note_of_match_shown
from matching.disputes.rules import dispute_acts_on_match
from matching.feedback.model import Feedback
from matching.feedback.queries import load_feedback, load_feedback_by_match
from matching.feedback.rules import feedback_acts_on_match

api = APIBlueprint("matches", __name__)


class OfNeedIn(PageIn):
    need_id = Id(metadata={"description": "only those of this need"})


class OwnIn(OfNeedIn):
    state = Choice(STATES)


class ManagedIn(OwnIn):
    region = Region((0, 2, 4, 6, 9, 12), load_default="")


class ReasonOut(Schema):
    code = fields.String(required=True)
    value = fields.Raw(required=True, metadata={"type": ["string", "integer"]})
    text = fields.String(required=True)


class ScoreOut(Schema):
    """The worth of a unit when it was proposed, and its parts.

    `lead` is the distance to the best need that got nothing of the same pledges, in the region of these weights.
    """

    weights_region = fields.String(required=True, metadata={"description": "the region that set the weights; empty for the whole country"})
    weights_version = fields.Integer(required=True)
    value = fields.Integer(required=True)
    parts = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    lead = fields.Integer(required=True, allow_none=True, metadata={"description": "null without another need"})


class DeliveryOut(Schema):
    """Units of the match that moved; each figure is 0 until then."""

    promised = fields.Integer(required=True)
    sent = fields.Integer(required=True)
    received = fields.Integer(required=True)
    returned = fields.Integer(required=True, metadata={"description": "never sent, and free again in the pledge"})
    sent_at = fields.AwareDateTime(required=True, allow_none=True)
    received_at = fields.AwareDateTime(required=True, allow_none=True)
    carrier = Choice(CARRIERS, required=True, allow_none=True)
    tracking_number = fields.String(required=True, allow_none=True)
    difference = Choice(DIFFERENCES, required=True, allow_none=True)
    by_slip = fields.Boolean(required=True, metadata={"description": "whether the receipt was confirmed with a printed slip"})


class MatchOut(Schema):
    """A match. `quantity` is the proposed quantity, after acceptance the promised one.

    Before acceptance the pledger sees the township of the need, not its village. Only the pledger sees the reason of a refusal.
    """

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
    score = fields.Nested(
        ScoreOut,
        required=True,
        allow_none=True,
        metadata={"description": "null for a claim, and for the pledger until acceptance"},
    )
    proposed_at = fields.AwareDateTime(required=True)
    answer_by = fields.AwareDateTime(required=True)
    answered_at = fields.AwareDateTime(required=True, allow_none=True)
    send_by = fields.AwareDateTime(
        required=True,
        allow_none=True,
        metadata={"description": "until when the giver has to send; null before acceptance. The match ends then, as a no-show"},
    )
    best_before = fields.AwareDateTime(required=True, allow_none=True, metadata={"description": "the date of the goods, if they have one"})
    ended_because = fields.String(required=True, allow_none=True)
    closed_at = fields.AwareDateTime(required=True, allow_none=True)
    delivery = fields.Nested(DeliveryOut, required=True)
    charity = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "the registered charity that receives the money; null for what is no money"},
    )
    dispute = Choice(DISPUTED, required=True, allow_none=True, metadata={"description": "null without a dispute"})
    allowed = AllowedOperations()


MatchPage = page_of(MatchOut)


@api.get("/matches")
@access(who=SIGNED_IN, x_view="own")
@api.input(OwnIn, location="query")
@api.output(MatchPage)
def list_own_matches(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List the matches of the caller as pledger, household or poster."""
    return render_page(session, queries.list_own_matches(session, caller, **query_data), caller)


@api.get("/matches/managed")
@access(who=STAFF, x_view="region")
@api.input(ManagedIn, location="query")
@api.output(MatchPage)
def list_managed_matches(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List the matches in the regions that the caller manages."""
    return render_page(session, queries.list_managed_matches(session, caller, **query_data), caller)


@api.get("/matches/<uuid:match_id>")
@access(who=SIGNED_IN, x_view="own")
@api.output(MatchOut)
def get_match(session: Session, caller: Caller, match_id: UUID) -> Any:
    """Show one match to its two sides and the administrators of its region, with the reasons of the proposal."""
    match = queries.get_visible_match(session, caller, match_id)
    return render_match(match, caller, load_feedback(session, match))


def created(session: Session, match: Match, caller: Caller) -> Any:
    return render_match(match, caller, load_feedback(session, match)), 201, {"Location": f"/v1/matches/{match.id}"}


def render_page(session: Session, page: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Render a page of matches for the caller, with the feedback on each."""
    feedback = load_feedback_by_match(session, page["items"])
    items = find_words(session, {match.category for match in page["items"]})
    return page | {"items": [render_match(match, caller, feedback[match.id], items[match.category]) for match in page["items"]]}


def render_match(match: Match, caller: Caller, feedback: Feedback, item: ItemWords | None = None) -> dict[str, Any]:
    """Return what the caller sees of a match. `item` are the words of its item, read if they are not given."""
    note_of_match_shown(caller, match)
    # The parts of the score reveal how much help the village and the household have had.
    is_told = match.state in PROMISED_STATES or caller.id != match.pledger_id
    item = item or find_item(caller.session, match.category)
    reasons = [reason | {"text": render_reason(reason["code"], reason["value"], language(), item, match.unit)} for reason in match.reasons]
    acts = [*acts_on_match(caller, match), *dispute_acts_on_match(caller, match), *feedback_acts_on_match(caller, match, feedback)]
    more = {"reasons": reasons, "allowed": acts, "delivery": _delivery(match), "score": _score(match) if is_told else None}
    whole = {name: getattr(match, name) for name in MatchOut.names() if name not in more} | more
    if match.movement("promised"):
        whole["quantity"] = match.moved("promised")
    if not is_told:
        whole["region"] = match.region[:9]
    if match.state == "refused" and caller.id != match.pledger_id:
        whole["ended_because"] = None
    return whole


def _score(match: Match) -> dict[str, Any] | None:
    if match.parts is None:
        return None
    by = {"weights_region": match.weights_region or "", "weights_version": match.weights_version}
    return by | {"value": match.score, "parts": match.parts, "lead": match.lead}


def _delivery(match: Match) -> dict[str, Any]:
    sending, receipt = match.movement("sent"), match.movement("received")
    return {
        **{kind: match.moved(kind) for kind in ("promised", "sent", "received", "returned")},
        "sent_at": sending and sending.at,
        "received_at": receipt and receipt.at,
        "carrier": sending and sending.carrier,
        "tracking_number": sending and sending.tracking_number,
        "difference": receipt and receipt.reason,
        "by_slip": bool(receipt and receipt.slip_id),
    }
