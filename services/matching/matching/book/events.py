"""What is told of a match and of a released pledge: live in the transaction that made it so, and anew whenever it is asked for."""

from typing import Any, Literal
from uuid import UUID

import msgspec
from sqlalchemy import case, func, select
from sqlalchemy.orm import Session, object_session

from contracts.matching import (
    MatchAccepted,
    MatchClosed,
    MatchDeclined,
    MatchLapsed,
    MatchNeedEnded,
    MatchProposed,
    MatchReceived,
    MatchRefused,
    MatchRevised,
    MatchSent,
    PledgeReleased,
    Reason,
)
from matching.book.model import Match, Movement, Pledge


def match_proposed(match: Match) -> MatchProposed:
    """What was told of a match when it was proposed, whatever became of it."""
    reasons = msgspec.convert(match.reasons, list[Reason])
    return MatchProposed(version=1, **_stated(match), reasons=reasons, proposed_at=match.proposed_at, answer_by=match.answer_by)


def match_accepted(match: Match) -> MatchAccepted:
    """What was told of a match when it was accepted, whatever became of it: the part that was promised."""
    promise = _movement(match, "promised")
    chosen: Literal["claim", "proposal"] = "claim" if is_claim(match) else "proposal"
    return MatchAccepted(version=promise.version, **_promised(match), chosen=chosen, accepted_at=promise.at)


def match_refused(match: Match) -> MatchRefused:
    return MatchRefused(version=match.version, **_stated(match), reason=match.ended_because, refused_at=match.answered_at)


def match_declined(match: Match) -> MatchDeclined:
    promised = match.moved("promised")
    stated = _stated(match) | {"quantity": promised or match.quantity}
    return MatchDeclined(
        version=match.version, **stated, reason=match.ended_because, was_accepted=promised > 0, declined_at=match.closed_at
    )


def match_lapsed(match: Match) -> MatchLapsed:
    return MatchLapsed(version=match.version, **_stated(match), reason=match.ended_because, lapsed_at=match.answered_at)


def match_revised(match: Match) -> MatchRevised:
    return MatchRevised(version=match.version, **_stated(match), revised_at=match.answered_at)


def match_need_ended(match: Match) -> MatchNeedEnded:
    return MatchNeedEnded(
        version=match.need_ended_version, **_promised(match), reason=match.need_ended_because, ended_at=match.need_ended_at
    )


def match_sent(match: Match) -> MatchSent:
    sending = _movement(match, "sent")
    return MatchSent(version=sending.version, **_promised(match), sent=sending.quantity, sent_at=sending.at)


def match_received(match: Match) -> MatchReceived:
    receipt = _movement(match, "received")
    return MatchReceived(
        version=receipt.version,
        **_promised(match),
        sent=match.moved("sent"),
        received=receipt.quantity,
        difference=receipt.reason,
        confirmed="by_slip" if receipt.slip_id else "signed_in",
        received_at=receipt.at,
    )


def match_closed(match: Match) -> MatchClosed:
    figures = {"sent": match.moved("sent"), "received": match.moved("received")}
    return MatchClosed(version=match.version, **_promised(match), reason=match.ended_because, **figures, closed_at=match.closed_at)


def pledge_released(pledge: Pledge) -> PledgeReleased:
    """What is told of a pledge that was changed or withdrawn, rests or goes on: its figures, and which version of it they answer."""
    session = object_session(pledge)
    if session is None:
        raise ValueError("what was accepted of it is asked in its session")
    kept = sum_promised(session, pledge.id)
    return PledgeReleased(
        version=pledge.releases,
        pledge_id=pledge.id,
        pledger_id=pledge.pledger_id,
        category=pledge.category,
        unit=pledge.unit,
        answers=pledge.version,
        withdrawn=pledge.ended and not pledge.paused,
        resting=pledge.paused,
        quantity=pledge.quantity,
        accepted=kept,
        open=pledge.rest,
        released_at=pledge.released_at or pledge.offered_at,
    )


def is_claim(match: Match) -> bool:
    """Whether the pledger chose the need: then nobody ever had time to answer."""
    return match.answer_by == match.proposed_at


def sum_promised(session: Session, pledge_id: UUID) -> int:
    """How much of a pledge was promised and has not come back."""
    kept = case((Movement.kind == "promised", Movement.quantity), (Movement.kind == "returned", -Movement.quantity), else_=0)
    total = select(func.coalesce(func.sum(kept), 0)).join(Match, Match.id == Movement.match_id).where(Match.pledge_id == pledge_id)
    return int(session.scalar(total) or 0)


def _movement(match: Match, kind: str) -> Movement:
    movement = match.movement(kind)
    if movement is None:
        raise ValueError(f"nothing was {kind} in this match")
    return movement


def _promised(match: Match) -> dict[str, Any]:
    return _stated(match) | {"quantity": _movement(match, "promised").quantity}


def _stated(match: Match) -> dict[str, Any]:
    names = ("need_id", "pledge_id", "household_id", "account_id", "poster_id", "pledger_id", "region", "category", "unit", "quantity")
    return {"match_id": match.id} | {name: getattr(match, name) for name in names}


def match_facts(match_id: UUID, need: Any, pledge: Any, quantity: int) -> dict[str, Any]:
    """Collect the facts that every match states about its need and its pledge."""
    return {
        "match_id": match_id,
        "need_id": need.id,
        "pledge_id": pledge.id,
        "household_id": need.household_id,
        "account_id": need.account_id,
        "poster_id": need.poster_id,
        "pledger_id": pledge.pledger_id,
        "region": need.region,
        "category": need.category,
        "unit": need.unit,
        "quantity": quantity,
    }
