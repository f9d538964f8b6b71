"""Events about disputes, made from their rows; never the texts."""

from datetime import datetime
from typing import Any, cast
from uuid import UUID

from contracts.matching import DisputeAnswered, DisputeOpened, DisputeRaised, DisputeReminded, DisputeSettled, Finding
from matching.book.events import required
from matching.book.rules import people_involved
from matching.disputes.model import Dispute


def dispute_opened(dispute: Dispute) -> DisputeOpened:
    """Build the event that one side opened a dispute."""
    involved = _involved(dispute, dispute.opened_at, dispute.opened_by)
    return DisputeOpened(version=1, **_facts(dispute), involved=involved, opened_at=dispute.opened_at)


def dispute_answered(dispute: Dispute) -> DisputeAnswered:
    """Build the event that the place answered, with its outcome, whatever was decided later."""
    return DisputeAnswered(
        version=2, **_facts(dispute), outcome=cast("Finding", dispute.answered_as), answered_at=required(dispute.answered_at)
    )


def dispute_raised(dispute: Dispute) -> DisputeRaised:
    """Build the event that the dispute went up to the county."""
    version = 3 if dispute.answered_at else 2
    return DisputeRaised(
        version=version,
        **_facts(dispute),
        unanswered=dispute.answered_at is None,
        involved=_involved_at_county(dispute, dispute.raised_at),
        raised_at=required(dispute.raised_at),
        decide_by=dispute.decide_by,
    )


def dispute_reminded(dispute: Dispute) -> DisputeReminded:
    """Build the event that the county was reminded of the dispute."""
    at, by = required(dispute.reminded_at), required(dispute.decide_by)
    involved = _involved_at_county(dispute, at)
    return DisputeReminded(version=dispute.version, **_facts(dispute), involved=involved, decide_by=by, overdue=by <= at, reminded_at=at)


def dispute_settled(dispute: Dispute) -> DisputeSettled:
    """Build the event that the dispute was settled, by the county or by the answer that stood."""
    return DisputeSettled(
        version=dispute.version,
        **_facts(dispute),
        outcome=cast("Finding", dispute.outcome),
        by_county=dispute.raised_at is not None,
        received=dispute.received,
        settled_at=required(dispute.settled_at),
    )


def _involved_at_county(dispute: Dispute, at: datetime | None) -> list[UUID]:
    return _involved(dispute, at, dispute.opened_by, dispute.answered_by, dispute.raised_by)


def _involved(dispute: Dispute, at: datetime | None, *more: UUID | None) -> list[UUID]:
    """List the people who had acted on the match by then, and those who acted on the dispute."""
    return sorted(people_involved(dispute.match, at) | {one for one in more if one})


def _facts(dispute: Dispute) -> dict[str, Any]:
    match = dispute.match
    names = ("need_id", "pledge_id", "household_id", "account_id", "poster_id", "pledger_id", "region", "category", "unit")
    of_match = {name: getattr(match, name) for name in names} | {"quantity": match.moved("promised")}
    return {"dispute_id": dispute.id, "match_id": match.id, **of_match, "side": dispute.side, "cause": dispute.cause}
