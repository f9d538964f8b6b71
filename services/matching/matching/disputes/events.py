"""What is told of a dispute, never its texts: live in the transaction that made it so, and anew whenever it is asked for."""

from datetime import datetime
from typing import Any
from uuid import UUID

from contracts.matching import DisputeAnswered, DisputeOpened, DisputeRaised, DisputeReminded, DisputeSettled
from matching.book.rules import people_involved
from matching.disputes.model import Dispute


def dispute_opened(dispute: Dispute) -> DisputeOpened:
    involved = _involved(dispute, dispute.opened_at, dispute.opened_by)
    return DisputeOpened(version=1, **_stated(dispute), involved=involved, opened_at=dispute.opened_at)


def dispute_answered(dispute: Dispute) -> DisputeAnswered:
    return DisputeAnswered(version=2, **_stated(dispute), outcome=dispute.answered_as, answered_at=dispute.answered_at)


def dispute_raised(dispute: Dispute) -> DisputeRaised:
    version = 3 if dispute.answered_at else 2
    return DisputeRaised(
        version=version, **_stated(dispute), unanswered=dispute.answered_at is None, involved=_of_county(dispute, dispute.raised_at),
        raised_at=dispute.raised_at, decide_by=dispute.decide_by,
    )  # fmt: skip


def dispute_reminded(dispute: Dispute) -> DisputeReminded:
    at, by = dispute.reminded_at, dispute.decide_by
    if at is None or by is None:
        raise ValueError("nobody was reminded of this dispute")
    return DisputeReminded(
        version=dispute.version, **_stated(dispute), involved=_of_county(dispute, at), decide_by=by, overdue=by <= at, reminded_at=at
    )


def dispute_settled(dispute: Dispute) -> DisputeSettled:
    by_county = dispute.raised_at is not None
    return DisputeSettled(
        version=dispute.version, **_stated(dispute), outcome=dispute.outcome, by_county=by_county, settled_at=dispute.settled_at
    )


def _of_county(dispute: Dispute, at: datetime | None) -> list[UUID]:
    return _involved(dispute, at, dispute.opened_by, dispute.answered_by, dispute.raised_by)


def _involved(dispute: Dispute, at: datetime | None, *more: UUID | None) -> list[UUID]:
    """Who had taken part by then, whatever became of it."""
    return sorted(people_involved(dispute.match, at) | {one for one in more if one})


def _stated(dispute: Dispute) -> dict[str, Any]:
    match = dispute.match
    names = ("need_id", "pledge_id", "household_id", "account_id", "poster_id", "pledger_id", "region", "category", "unit")
    of_match = {name: getattr(match, name) for name in names} | {"quantity": match.moved("promised")}
    return {"dispute_id": dispute.id, "match_id": match.id, **of_match, "side": dispute.side, "cause": dispute.cause}
