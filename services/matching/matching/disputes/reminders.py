"""Reminders of disputes that wait for the county: three days before the date to settle, on it, and every week after."""

from datetime import timedelta

from sqlalchemy import case, select
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.messaging import outbox
from matching.disputes.events import dispute_reminded
from matching.disputes.model import SETTLED_WITHIN, Dispute

BEFORE = timedelta(days=3)
AGAIN = timedelta(days=7)
AT_ONCE = 100

_DECIDE_BY = Dispute.raised_at + SETTLED_WITHIN
_NEXT = case(
    (Dispute.reminded_at.is_(None), _DECIDE_BY - BEFORE),
    (Dispute.reminded_at < _DECIDE_BY, _DECIDE_BY),
    else_=Dispute.reminded_at + AGAIN,
)


def remind_county(session: Session) -> int:
    """Remind the county of a limited number of disputes that are due; returns how many. Locked ones are skipped."""
    at = now()
    due = select(Dispute).where(Dispute.state == "raised", at >= _NEXT).order_by(Dispute.raised_at).limit(AT_ONCE)
    disputes = session.scalars(due.with_for_update(skip_locked=True), execution_options={"populate_existing": True}).all()
    for dispute in disputes:
        dispute.reminded_at, dispute.version = at, dispute.version + 1
    session.flush()
    outbox.add(session, *map(dispute_reminded, disputes))
    return len(disputes)
