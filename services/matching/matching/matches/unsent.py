"""Accepted matches that are not sent: givers are reminded, and the match ends as a no-show at its deadline."""

from collections import Counter
from uuid import UUID

from sqlalchemy import case, select, update
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.messaging import outbox
from matching.book.actions import record_movement
from matching.book.events import match_closed, match_send_reminded
from matching.book.lock import lock_pledges_and_needs
from matching.book.model import Match
from matching.book.release import release_quantities
from matching.matches.deadlines import LAST_REMINDER, set_send_deadline
from matching.reliability import actions as reliability

AT_ONCE = 500
SET_AT_ONCE = 5_000
_NEW = {"populate_existing": True}


def set_missing_deadlines(session: Session) -> int:
    """Give accepted matches without a deadline one that counts from now: releases before this one accepted without any."""
    missing = select(Match).where(Match.state == "accepted", Match.send_by.is_(None)).limit(SET_AT_ONCE).with_for_update(skip_locked=True)
    matches = session.scalars(missing, execution_options=_NEW).all()
    for match in matches:
        set_send_deadline(match, now())
    return len(matches)


def remind_senders(session: Session) -> int:
    """Publish the due reminders to send; return their number. Nobody is reminded to send for a need that has ended."""
    at = now()
    due = select(Match.id).where(Match.state == "accepted", Match.send_reminder_at <= at, Match.send_by > at, Match.need_ended_at.is_(None))
    taken = due.order_by(Match.send_reminder_at).limit(AT_ONCE).with_for_update(skip_locked=True)
    matches = session.scalars(
        update(Match)
        .where(Match.id.in_(taken.scalar_subquery()), Match.state == "accepted")
        .values(
            version=Match.version + 1,
            send_reminded_at=at,
            send_reminder_at=case((Match.send_by - LAST_REMINDER > at, Match.send_by - LAST_REMINDER)),
        )
        .returning(Match),
        execution_options=_NEW,
    ).all()
    outbox.add(session, *map(match_send_reminded, matches))
    return len(matches)


def end_unsent_matches(session: Session) -> int:
    """End accepted matches that were not sent by their deadline, and free their units on both sides; return their number.

    It counts as the giver's no-show, unless the need had ended, so that the giver was right to wait.
    """
    at = now()
    is_late = (Match.state == "accepted") & (Match.send_by <= at)
    late = session.scalars(select(Match).where(is_late).order_by(Match.send_by).limit(AT_ONCE)).all()
    if not late:
        return 0
    lock_pledges_and_needs(session, late)
    # Some were sent or cancelled while this waited for the locks.
    ended = session.scalars(
        update(Match)
        .where(Match.id.in_([match.id for match in late]), is_late)
        .values(
            state="closed",
            version=Match.version + 1,
            ended_because=case((Match.need_ended_at.is_not(None), "need_over"), else_="giver_no_show"),
            closed_at=at,
            barred=True,
        )
        .returning(Match),
        execution_options=_NEW,
    ).all()
    needs, pledges = Counter[UUID](), Counter[UUID]()
    for match in ended:
        promised = match.moved("promised")
        record_movement(match, "returned", promised, None)
        pledges[match.pledge_id] += promised
        needs[match.need_id] += 0 if match.ended_because == "need_over" else promised
    session.flush()
    release_quantities(session, "pledge", pledges)
    release_quantities(session, "need", needs)
    reliability.record_events(session, [match.id for match in ended])
    outbox.add(session, *map(match_closed, ended))
    return len(ended)
