"""Events about matches and released pledges, made from their rows.

The same functions serve the live transaction and republishing: each rebuilds its event from the present row.
"""

from typing import Any, Literal, TypeVar, cast
from uuid import UUID

import msgspec
from sqlalchemy.orm import object_session

from contracts.matching import (
    ClaimFailed,
    ClaimFailure,
    Decline,
    Difference,
    Lapse,
    MatchAccepted,
    MatchClosed,
    MatchCorrected,
    MatchDeclined,
    MatchLapsed,
    MatchNeedEnded,
    MatchNeedReopened,
    MatchProposed,
    MatchReceiptReminded,
    MatchReceived,
    MatchRefused,
    MatchRevised,
    MatchSendReminded,
    MatchSent,
    Outcome,
    PledgeReleased,
    Reason,
    Refusal,
)
from matching.book.model import Match, Movement, Pledge
from matching.book.queries import sum_promised

T = TypeVar("T")


def match_proposed(match: Match) -> MatchProposed:
    """Build the event of the proposal, whatever became of the match since."""
    reasons = msgspec.convert(match.reasons, list[Reason])
    stated = {name: getattr(match, name) for name in ("proposed_at", "answer_by", "charity")}
    return MatchProposed(version=1, **_facts(match), reasons=reasons, **stated)


def match_accepted(match: Match) -> MatchAccepted:
    """Build the event of the acceptance with the promised quantity, whatever became of the match since."""
    promise = _movement(match, "promised")
    return MatchAccepted(
        version=promise.version,
        **_promised(match),
        chosen="claim" if is_claim(match) else "proposal",
        accepted_at=promise.at,
        send_by=match.send_by,
        charity=match.charity,
    )


def match_send_reminded(match: Match) -> MatchSendReminded:
    """Build the event that the giver was reminded to send."""
    return MatchSendReminded(
        version=match.version, **_promised(match), send_by=required(match.send_by), reminded_at=required(match.send_reminded_at)
    )


def match_receipt_reminded(match: Match) -> MatchReceiptReminded:
    """Build the event that the receiving side was reminded of perishable goods on the way."""
    return MatchReceiptReminded(
        version=required(match.goods_reminded_version),
        **_promised(match),
        best_before=required(match.best_before),
        reminded_at=required(match.goods_reminded_at),
    )


def match_refused(match: Match) -> MatchRefused:
    """Build the event of the pledger's refusal."""
    return MatchRefused(
        version=match.version, **_facts(match), reason=cast("Refusal", match.ended_because), refused_at=required(match.answered_at)
    )


def match_declined(match: Match) -> MatchDeclined:
    """Build the event that the household's side declined a proposal or a promise."""
    promised = match.moved("promised")
    facts = _facts(match) | {"quantity": promised or match.quantity}
    return MatchDeclined(
        version=match.version,
        **facts,
        reason=cast("Decline", match.ended_because),
        was_accepted=promised > 0,
        declined_at=required(match.closed_at),
    )


def match_lapsed(match: Match) -> MatchLapsed:
    """Build the event that a proposal ended without an answer. Listeners of before know a need that moved as a withdrawn one."""
    need_moved = match.ended_because == "need_moved"
    return MatchLapsed(
        version=match.version,
        **_facts(match),
        reason="need_withdrawn" if need_moved else cast("Lapse", match.ended_because),
        need_moved=need_moved,
        lapsed_at=required(match.answered_at),
    )


def match_revised(match: Match) -> MatchRevised:
    """Build the event that a proposal ended in favour of a critical need."""
    return MatchRevised(version=match.version, **_facts(match), revised_at=required(match.answered_at))


def match_need_ended(match: Match) -> MatchNeedEnded:
    """Build the event that the need of an accepted match was withdrawn or closed."""
    return MatchNeedEnded(
        version=required(match.need_ended_version),
        **_promised(match),
        reason=cast("Literal['need_withdrawn', 'need_closed']", match.need_ended_because),
        ended_at=required(match.need_ended_at),
    )


def match_need_reopened(match: Match) -> MatchNeedReopened:
    """Build the event that the need of an accepted match is open again."""
    return MatchNeedReopened(
        version=required(match.need_reopened_version), **_promised(match), reopened_at=required(match.need_reopened_at)
    )


def match_sent(match: Match) -> MatchSent:
    """Build the event of the sending."""
    sending = _movement(match, "sent")
    return MatchSent(version=sending.version, **_promised(match), sent=sending.quantity, sent_at=sending.at)


def match_received(match: Match) -> MatchReceived:
    """Build the event of the receipt, with the difference to the sending."""
    receipt = _movement(match, "received")
    return MatchReceived(
        version=receipt.version,
        **_promised(match),
        sent=match.moved("sent"),
        received=receipt.quantity,
        difference=cast("Difference | None", receipt.reason),
        confirmed="by_slip" if receipt.slip_id else "signed_in",
        received_at=receipt.at,
    )


def match_corrected(match: Match) -> MatchCorrected:
    """Build the event that a dispute found how much had arrived."""
    correction = _movement(match, "corrected")
    return MatchCorrected(
        version=correction.version,
        **_promised(match),
        sent=match.moved("sent"),
        received=correction.quantity,
        corrected_at=correction.at,
    )


def match_closed(match: Match) -> MatchClosed:
    """Build the event of the closing, with the final figures."""
    return MatchClosed(
        version=match.version,
        **_promised(match),
        reason=cast("Outcome", match.ended_because),
        sent=match.moved("sent"),
        received=match.moved("received"),
        closed_at=required(match.closed_at),
    )


def pledge_released(pledge: Pledge) -> PledgeReleased:
    """Build the event of a pledge that was changed, withdrawn, paused or resumed: its figures, and the pledge version they answer."""
    session = object_session(pledge)
    if session is None:
        raise ValueError("the accepted quantity is read in the session of the pledge")
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
        accepted=sum_promised(session, pledge.id),
        open=pledge.rest,
        released_at=pledge.released_at or pledge.offered_at,
    )


def claim_failed(pledge: Pledge) -> ClaimFailed:
    """Build the event that the need chosen for a pledge got nothing of it. A pledge is offered once, so its version is 1."""
    return ClaimFailed(
        version=1,
        pledge_id=pledge.id,
        need_id=required(pledge.claimed_need_id),
        pledger_id=pledge.pledger_id,
        category=pledge.category,
        unit=pledge.unit,
        reason=cast("ClaimFailure", pledge.claim_problem),
        failed_at=pledge.offered_at,
    )


def is_claim(match: Match) -> bool:
    """Tell whether the pledger chose the need: a claim has no time to answer."""
    return match.answer_by == match.proposed_at


def required(value: T | None) -> T:
    """Return a value that the row must hold before its event can be built. Raises `ValueError` without one."""
    if value is None:
        raise ValueError("the row has not reached the state of this event")
    return value


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


def _movement(match: Match, kind: str) -> Movement:
    movement = match.movement(kind)
    if movement is None:
        raise ValueError(f"nothing was {kind} in this match")
    return movement


def _promised(match: Match) -> dict[str, Any]:
    return _facts(match) | {"quantity": _movement(match, "promised").quantity}


def _facts(match: Match) -> dict[str, Any]:
    names = ("need_id", "pledge_id", "household_id", "account_id", "poster_id", "pledger_id", "region", "category", "unit", "quantity")
    return {"match_id": match.id} | {name: getattr(match, name) for name in names}
