"""Needs that open again: their entry in the book takes part in clearing once more, and what was promised to them is wanted."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.messaging import outbox
from contracts.needs import NeedReopened
from matching.book import clearing_queue
from matching.book.events import match_need_reopened
from matching.book.lock import lock_rows
from matching.book.model import Match, Need
from matching.book.queries import find_matches
from matching.book.recount import recount
from matching.fairness.actions import lock_counts, move_counts
from matching.holds.actions import end_holds_of
from matching.intake.actions import URGENCY, book_needs, lacks_charity
from matching.intake.moves import GOING_ALONG, renew_time_to_send


def reopen_needs(session: Session, events: Sequence[NeedReopened]) -> None:
    """Open ended needs of the book again; enter unknown ones; an older version changes nothing.

    What is free of a need is counted anew: what arrived of it still counts. Promises to it get their whole time to be sent.
    """
    newest = {event.need_id: event for event in sorted(events, key=lambda event: (event.need_id, event.version))}
    lock_counts(session)
    book_needs(session, list(newest.values()))
    lock_rows(session, Need, newest)
    query = select(Need).where(Need.id.in_(newest)).order_by(Need.id)
    known = session.scalars(query, execution_options={"populate_existing": True}).all()
    opening = [need for need in known if need.version < newest[need.id].version]
    if not opening:
        return
    end_holds_of(session, {need.id for need in opening})
    places = [(need.id, need.region, newest[need.id].region, newest[need.id].household_id) for need in opening]
    for need in opening:
        _open(session, need, newest[need.id])
    session.flush()
    recount(session, "needs", {need.id for need in opening})
    move_counts(session, places)
    _want_promises(session, newest, {need.id for need in opening})
    clearing_queue.add(session, "need", {need.id for need in opening})


def _open(session: Session, need: Need, event: NeedReopened) -> None:
    belonging = {"region": event.region, "household_id": event.household_id, "account_id": event.account_id}
    stated = {"version": event.version, "charity": event.charity, "of_institution": event.of_institution}
    times = {"posted_at": event.posted_at, "published_at": event.published_at}
    for name, value in (belonging | stated | times | {"urgency": URGENCY[event.urgency], "ended": lacks_charity(event)}).items():
        setattr(need, name, value)
    matches = update(Match).where(Match.need_id == need.id, Match.state.in_(GOING_ALONG)).values(belonging)
    session.execute(matches, execution_options={"synchronize_session": False})


def _want_promises(session: Session, newest: Mapping[UUID, NeedReopened], opened: set[UUID]) -> None:
    """Tell the givers of accepted matches, who had been told that the need ended."""
    ended = Match.need_id.in_(opened) & Match.need_ended_at.is_not(None)
    promised = find_matches(session, "accepted", ended, locked=True)
    for match in promised:
        match.version, match.need_reopened_at = match.version + 1, now()
        match.need_ended_because = match.need_ended_at = match.need_ended_version = None
        match.need_reopened_version = match.version
    session.flush()
    renew_time_to_send(session, {match.need_id for match in promised})
    outbox.add(session, *map(match_need_reopened, promised))
