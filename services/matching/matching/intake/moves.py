"""Moves of needs: a need went along with its household, and its entry in the book, its matches and the counts of help follow."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from contracts.needs import NeedMoved
from matching.book import clearing_queue
from matching.book.actions import lapse_proposals
from matching.book.lock import find_proposed_pledges, lock_rows
from matching.book.model import Match, Need, Pledge
from matching.book.queries import find_matches
from matching.fairness.actions import lock_counts, move_counts
from matching.intake.actions import book_needs

GOING_ALONG = ("proposed", "accepted", "sent", "received")
"""The states of matches that go along; those that are over stay where they were."""
TOWNSHIP_DIGITS = 9
"""Givers learn the township of a need and nothing narrower, so a move inside it changes nothing that they were shown."""


def move_needs(session: Session, events: Sequence[NeedMoved]) -> None:
    """Move needs of the book; enter unknown ones, leave ended ones and older versions as they are.

    A move inside a township leaves proposals as they are. A move to another one ends them: their pledgers were asked about another place,
    perhaps the only one where their pledge may go. What was accepted goes along, and has its whole time to be sent once more. A need with
    some rest is cleared again, for the pledges of its new place.
    """
    newest = {event.need_id: event for event in sorted(events, key=lambda event: (event.need_id, event.version))}
    lock_counts(session)
    while not _book_unless_proposed(session, newest):
        pass
    query = select(Need).where(Need.id.in_(newest), ~Need.ended).order_by(Need.id)
    known = session.scalars(query, execution_options={"populate_existing": True}).all()
    moving = [need for need in known if need.version < newest[need.id].version]
    places = [(need.id, need.region, newest[need.id].region, newest[need.id].household_id) for need in moving]
    leaving = {need.id for need in moving if need.region[:TOWNSHIP_DIGITS] != newest[need.id].region[:TOWNSHIP_DIGITS]}
    lapse_proposals(session, find_matches(session, "proposed", Match.need_id.in_(leaving)), "need_moved")
    for need in moving:
        event = newest[need.id]
        belonging = {"region": event.region, "household_id": event.household_id, "account_id": event.account_id}
        for name, value in (belonging | {"version": event.version, "charity": event.charity}).items():
            setattr(need, name, value)
        matches = update(Match).where(Match.need_id == need.id, Match.state.in_(GOING_ALONG)).values(belonging)
        session.execute(matches, execution_options={"synchronize_session": False})
    renew_time_to_send(session, leaving)
    session.flush()
    move_counts(session, places)
    clearing_queue.add(session, "need", {need.id for need in moving if need.rest > 0})


def _book_unless_proposed(session: Session, newest: Mapping[UUID, NeedMoved]) -> bool:
    """Enter unknown needs and lock all of them, after the locks of all pledges that are proposed to them.

    Returns False, with nothing locked or done, when a pledge was proposed meanwhile: the next attempt locks it too.
    """
    with session.begin_nested() as step:
        held = find_proposed_pledges(session, newest)
        lock_rows(session, Pledge, held)
        book_needs(session, list(newest.values()))
        lock_rows(session, Need, newest)
        if find_proposed_pledges(session, newest) <= held:
            return True
        step.rollback()
    return False


def renew_time_to_send(session: Session, needs: set[UUID]) -> None:
    """Take the deadlines of accepted matches away; a timer sets new ones within a minute, which count from then on."""
    accepted = update(Match).where(Match.need_id.in_(needs), Match.state == "accepted")
    session.execute(
        accepted.values(send_by=None, send_reminder_at=None, send_reminded_at=None), execution_options={"synchronize_session": False}
    )
