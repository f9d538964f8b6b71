"""Reliability classes on open pledges, so that a clearing finds reliable pledgers first without a join."""

from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.data.database import now
from matching.reliability.rules import Evidence, classify, expected_share, find_next_class_change

AT_ONCE = 500
RECHECK_AFTER = timedelta(seconds=90)
"""Longer than any transaction may take, so that the next run sees pledges that were just entered with the former class."""

# People whose class is due, locked, the longest due first.
_DUE = text(
    "SELECT person_id, good, bad, class AS former FROM reliabilities WHERE settle_at <= :at"
    " ORDER BY settle_at LIMIT :limit FOR UPDATE SKIP LOCKED"
)
# Open pledges with another class than their pledger has now.
_DIFFERING = """
    SELECT pledges.id, pledger_id, fresh.class
    FROM unnest(CAST(:people AS uuid[]), CAST(:classes AS smallint[])) AS fresh (person_id, class)
    JOIN pledges ON pledger_id = fresh.person_id AND NOT ended AND reliability <> fresh.class
"""
_WITH_OTHER_CLASS = text(f"SELECT DISTINCT pledger_id FROM ({_DIFFERING}) AS differing")
# Locked pledges are skipped: their transaction may wait for the reliability of the same pledger.
_WRITE = text(
    f"""
    UPDATE pledges SET reliability = free.class FROM ({_DIFFERING} ORDER BY pledges.id FOR UPDATE OF pledges SKIP LOCKED) AS free
    WHERE pledges.id = free.id
    """
)
# Stores the classes and the moments of their next update.
_SETTLE = text(
    """
    UPDATE reliabilities SET class = fresh.class, settle_at = fresh.settle_at
    FROM unnest(CAST(:people AS uuid[]), CAST(:classes AS smallint[]), CAST(:moments AS timestamptz[]))
        AS fresh (person_id, class, settle_at)
    WHERE reliabilities.person_id = fresh.person_id
    """
)
# Raw SQL: intake runs it for every batch of pledges.
_CLASSES = text("SELECT person_id, class AS level FROM reliabilities WHERE person_id = ANY(CAST(:people AS uuid[]))")


def update_classes(session: Session) -> int:
    """Update the class of people with new events or whose events have faded far enough; returns how many were due."""
    at = now()
    due = session.execute(_DUE, {"at": at, "limit": AT_ONCE}).all()
    if not due:
        return 0
    evidence = {row.person_id: Evidence(row.good, row.bad) for row in due}
    classes = {person: classify(expected_share(record, at)) for person, record in evidence.items()}
    stated = {"people": list(classes), "classes": list(classes.values())}
    moved = {row.person_id for row in due if row.former != classes[row.person_id]}
    moved |= set(session.scalars(_WITH_OTHER_CLASS, stated))
    if moved:
        session.execute(_WRITE, stated)
    moments = [at + RECHECK_AFTER if person in moved else find_next_class_change(record, at) for person, record in evidence.items()]
    session.execute(_SETTLE, stated | {"moments": moments})
    return len(due)


def load_classes(session: Session, people: Collection[UUID]) -> dict[UUID, int]:
    """Load the classes of these people, as far as they have any events."""
    rows = session.execute(_CLASSES, {"people": sorted(set(people))})
    return {row.person_id: row.level for row in rows}
