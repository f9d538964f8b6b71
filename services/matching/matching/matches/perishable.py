"""Perishable goods on the way: the receiving side is reminded before their date is over."""

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.messaging import outbox
from matching.book.best_before import WARNED_BEFORE
from matching.book.events import match_receipt_reminded
from matching.book.model import Match

AT_ONCE = 500


def remind_receivers(session: Session) -> int:
    """Publish one reminder for each match whose goods were sent, not received, and are nearly over; return their number."""
    at = now()
    due = select(Match.id).where(Match.state == "sent", Match.goods_reminded_at.is_(None), Match.best_before <= at + WARNED_BEFORE)
    taken = due.order_by(Match.best_before).limit(AT_ONCE).with_for_update(skip_locked=True)
    reminded = (
        update(Match)
        .where(Match.id.in_(taken.scalar_subquery()), Match.state == "sent")
        .values(version=Match.version + 1, goods_reminded_at=at, goods_reminded_version=Match.version + 1)
        .returning(Match)
    )
    matches = session.scalars(reminded, execution_options={"populate_existing": True}).all()
    outbox.add(session, *map(match_receipt_reminded, matches))
    return len(matches)
