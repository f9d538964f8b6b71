"""How reliable somebody is now, and which of their deeds that comes from."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.http.auth import Caller
from chassis.problems import not_found
from matching.appeals.model import Reliability
from matching.book.queries import find_visible_match
from matching.reliability.rules import Evidence, classify, expected_share

_GROUNDS = text(
    """
    SELECT kind, count(*) AS times, sum(good) AS good, sum(good + bad) AS whole FROM marks
    WHERE person_id = :person_id AND void_at IS NULL GROUP BY kind ORDER BY kind
    """
)


@dataclass(frozen=True)
class Ground:
    """How often something happened, and which share of it speaks for them."""

    kind: str
    times: int
    share: float


@dataclass(frozen=True)
class ReliabilityReport:
    """`figure` is between 0 and 1, `level` its class from 0 to 4."""

    figure: float
    level: int
    grounds: list[Ground]


def load_reliability(session: Session, person_id: UUID) -> ReliabilityReport:
    kept = session.get(Reliability, person_id)
    share = expected_share(Evidence(kept.good, kept.bad) if kept else Evidence(), now())
    rows = session.execute(_GROUNDS, {"person_id": person_id})
    return ReliabilityReport(
        share, classify(share), [Ground(row.kind, row.times, row.good / row.whole if row.whole else 0) for row in rows]
    )


def load_giver_reliability(session: Session, caller: Caller, match_id: UUID) -> ReliabilityReport:
    """Of who gives in a match, for the administrators of its region alone."""
    match = find_visible_match(session, caller, match_id)
    if not caller.manages(match.region):
        raise not_found()
    return load_reliability(session, match.pledger_id)
