"""What is told of a dispute, never its texts: live in the transaction that made it so, and anew whenever it is asked for."""

from typing import Any

from contracts.matching import DisputeAnswered, DisputeOpened, DisputeRaised, DisputeSettled
from matching.disputes.model import Dispute


def opened(dispute: Dispute) -> DisputeOpened:
    return DisputeOpened(version=1, **_stated(dispute), opened_at=dispute.opened_at)


def answered(dispute: Dispute) -> DisputeAnswered:
    return DisputeAnswered(version=2, **_stated(dispute), outcome=dispute.answered_as, answered_at=dispute.answered_at)


def raised(dispute: Dispute) -> DisputeRaised:
    version = 3 if dispute.answered_at else 2
    return DisputeRaised(version=version, **_stated(dispute), unanswered=dispute.answered_at is None, raised_at=dispute.raised_at)


def settled(dispute: Dispute) -> DisputeSettled:
    by_county = dispute.raised_at is not None
    return DisputeSettled(
        version=dispute.version, **_stated(dispute), outcome=dispute.outcome, by_county=by_county, settled_at=dispute.settled_at
    )


def _stated(dispute: Dispute) -> dict[str, Any]:
    match = dispute.match
    names = ("need_id", "pledge_id", "household_id", "account_id", "poster_id", "pledger_id", "region", "category", "unit")
    of_match = {name: getattr(match, name) for name in names} | {"quantity": match.moved("promised")}
    return {"dispute_id": dispute.id, "match_id": match.id, **of_match, "side": dispute.side, "cause": dispute.cause}
