"""What is told of a match and of a released pledge: live in the transaction that made it so, and anew whenever it is asked for."""

from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import func, select
from sqlalchemy.orm import Session, object_session

from contracts.matching import MatchAccepted, MatchLapsed, MatchNeedEnded, MatchProposed, MatchRefused, PledgeReleased, Reason
from matching.model import Match, Pledge


def proposed(match: Match) -> MatchProposed:
    """What was told of a match when it was proposed, whatever became of it."""
    reasons = msgspec.convert(match.reasons, list[Reason])
    return MatchProposed(version=1, **_stated(match), reasons=reasons, proposed_at=match.proposed_at, answer_by=match.answer_by)


def accepted(match: Match) -> MatchAccepted:
    """What was told of a match when it was accepted, even if its need has ended since."""
    version = match.version - 1 if match.need_ended_at else match.version
    return MatchAccepted(
        version=version, **_stated(match), chosen="claim" if is_claim(match) else "proposal", accepted_at=match.answered_at
    )


def refused(match: Match) -> MatchRefused:
    return MatchRefused(version=match.version, **_stated(match), reason=match.ended_because, refused_at=match.answered_at)


def lapsed(match: Match) -> MatchLapsed:
    return MatchLapsed(version=match.version, **_stated(match), reason=match.ended_because, lapsed_at=match.answered_at)


def need_ended(match: Match) -> MatchNeedEnded:
    return MatchNeedEnded(version=match.version, **_stated(match), reason=match.need_ended_because, ended_at=match.need_ended_at)


def released(pledge: Pledge) -> PledgeReleased:
    """What is told of a pledge that was changed or withdrawn: its figures, and which version of it they answer."""
    session = object_session(pledge)
    if session is None:
        raise ValueError("what was accepted of it is asked in its session")
    return PledgeReleased(
        version=pledge.releases,
        pledge_id=pledge.id,
        pledger_id=pledge.pledger_id,
        category=pledge.category,
        unit=pledge.unit,
        answers=pledge.version,
        withdrawn=pledge.ended,
        quantity=pledge.quantity,
        accepted=accepted_of(session, pledge.id),
        open=pledge.rest,
        released_at=pledge.released_at or pledge.offered_at,
    )


def is_claim(match: Match) -> bool:
    """Whether the pledger chose the need: then nobody ever had time to answer."""
    return match.answer_by == match.proposed_at


def accepted_of(session: Session, pledge_id: UUID) -> int:
    total = select(func.coalesce(func.sum(Match.quantity), 0)).where(Match.pledge_id == pledge_id, Match.state == "accepted")
    return int(session.scalar(total) or 0)


def _stated(match: Match) -> dict[str, Any]:
    names = ("need_id", "pledge_id", "household_id", "account_id", "poster_id", "pledger_id", "region", "category", "unit", "quantity")
    return {"match_id": match.id} | {name: getattr(match, name) for name in names}
