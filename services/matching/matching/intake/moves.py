"""Moves of needs: a need went along with its household, and its entry in the book, its matches and the counts of help follow."""

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from contracts.needs import NeedMoved
from matching.book import clearing_queue
from matching.book.lock import lock_rows
from matching.book.model import Match, Need
from matching.fairness.actions import lock_counts, move_counts
from matching.intake.actions import book_needs

GOING_ALONG = ("proposed", "accepted", "sent", "received")
"""The states of matches that go along; those that are over stay where they were."""


def move_needs(session: Session, events: Sequence[NeedMoved]) -> None:
    """Move needs of the book; enter unknown ones, leave ended ones and older versions as they are.

    Proposals stand: their pledgers see the new region and may refuse. A need with some rest is cleared again, for the pledges of its new
    place.
    """
    newest = {event.need_id: event for event in sorted(events, key=lambda event: (event.need_id, event.version))}
    lock_counts(session)
    book_needs(session, list(newest.values()))
    lock_rows(session, Need, newest)
    query = select(Need).where(Need.id.in_(newest), ~Need.ended).order_by(Need.id)
    known = session.scalars(query, execution_options={"populate_existing": True}).all()
    moving = [need for need in known if need.version < newest[need.id].version]
    places = [(need.id, need.region, newest[need.id].region, newest[need.id].household_id) for need in moving]
    for need in moving:
        event = newest[need.id]
        belonging = {"region": event.region, "household_id": event.household_id, "account_id": event.account_id}
        for name, value in (belonging | {"version": event.version, "charity": event.charity}).items():
            setattr(need, name, value)
        matches = update(Match).where(Match.need_id == need.id, Match.state.in_(GOING_ALONG)).values(belonging)
        session.execute(matches, execution_options={"synchronize_session": False})
    session.flush()
    move_counts(session, places)
    clearing_queue.add(session, "need", {need.id for need in moving if need.rest > 0})
