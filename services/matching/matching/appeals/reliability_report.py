"""Reliability reports: a person's reliability now, and the kinds of events behind it."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.http.auth import Caller
from chassis.problems import not_found
from matching.appeals.model import Reliability, ReliabilityEvent
from matching.book.model import Match
from matching.book.queries import get_visible_match
from matching.reliability.rules import Evidence, classify, expected_share


@dataclass(frozen=True)
class Ground:
    """A kind of event: how many there were, and which share of their weight counts for the person."""

    kind: str
    times: int
    share: float


@dataclass(frozen=True)
class ReliabilityReport:
    """A person's expected share of kept promises, from 0 to 1, its class from 0 to 4, and the events behind it by kind."""

    share: float
    level: int
    grounds: list[Ground]


def load_reliability(session: Session, person_id: UUID) -> ReliabilityReport:
    """Load the reliability of a person; without any events it is the prior."""
    kept = session.get(Reliability, person_id)
    share = expected_share(Evidence(kept.good, kept.bad) if kept else Evidence(), now())
    good, whole = func.sum(ReliabilityEvent.good), func.sum(ReliabilityEvent.good + ReliabilityEvent.bad)
    by_kind = (
        select(ReliabilityEvent.kind, func.count().label("times"), good.label("good"), whole.label("whole"))
        .where(ReliabilityEvent.person_id == person_id, ReliabilityEvent.void_at.is_(None), ~ReliabilityEvent.suspended)
        .group_by(ReliabilityEvent.kind)
        .order_by(ReliabilityEvent.kind)
    )
    grounds = [Ground(kind, times, good / whole if whole else 0) for kind, times, good, whole in session.execute(by_kind)]
    return ReliabilityReport(share, classify(share), grounds)


def load_giver_reliability(session: Session, caller: Caller, match_id: UUID) -> tuple[Match, ReliabilityReport]:
    """Load a match and the reliability of its giver, for administrators of its region. Raises `not_found` for others."""
    match = get_visible_match(session, caller, match_id)
    if not caller.reads(match.region):
        raise not_found()
    return match, load_reliability(session, match.pledger_id)
