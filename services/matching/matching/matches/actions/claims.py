"""Claims: a giver chooses a need for a pledge, on its page or with the offer itself. What they hold of the need is theirs."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from chassis.data.database import new_id, now
from chassis.data.items import find_item
from chassis.data.k_anonymity import public_region
from chassis.http.auth import Caller
from chassis.messaging import outbox
from chassis.problems import Problem
from contracts.needs import PledgeOffered
from matching.book import clearing_queue
from matching.book.actions import record_movement
from matching.book.events import claim_failed, match_accepted, match_facts
from matching.book.household_limits import find_household_room
from matching.book.lock import lock_rows
from matching.book.model import Match, Need, Pledge
from matching.book.problems import unknown_need, unknown_pledge
from matching.book.queries import find_townships
from matching.holds import actions as holds
from matching.intake.actions import book_pledges
from matching.matches.deadlines import set_send_deadline
from matching.matches.rules import find_claim_problem, name_claim_failure


def claim_need(session: Session, caller: Caller, need_id: UUID, pledge_id: UUID, quantity: int) -> Match:
    """Set a quantity of an own pledge aside for a chosen need, first of all the held units; the match is accepted at once."""
    pledge = session.get(Pledge, pledge_id, with_for_update=True, populate_existing=True)
    if pledge is None or pledge.pledger_id != caller.id:
        raise unknown_pledge()
    need = session.get(Need, need_id, with_for_update=True, populate_existing=True)
    if need is None:
        raise unknown_need()
    holds.use_hold(session, caller.id, need, now())
    match = _promise(session, need, pledge, quantity, caller.kind)
    _offer_rest_of_need(session, need)
    return match


def book_and_claim(session: Session, events: Sequence[PledgeOffered]) -> None:
    """Enter offered pledges in the book; promise those that were offered for a chosen need to that need.

    A pledge that the book knows claims nothing again, so a repeated event changes nothing. A claim that fails leaves the pledge open.
    """
    entered = book_pledges(session, events)
    claiming = {event.pledge_id: event for event in events if event.claims and event.pledge_id in entered}
    if not claiming:
        return
    pledges = session.scalars(select(Pledge).where(Pledge.id.in_(claiming)).order_by(Pledge.id).with_for_update()).all()
    lock_rows(session, Need, {event.claims for event in claiming.values() if event.claims})
    for pledge in pledges:
        event = claiming[pledge.id]
        pledge.claimed_need_id = event.claims
        try:
            with session.begin_nested():
                _claim_as_offered(session, pledge, event)
        except Problem as problem:
            session.refresh(pledge)
            pledge.claimed_need_id, pledge.claim_problem = event.claims, name_claim_failure(problem)
            outbox.add(session, claim_failed(pledge))
    session.flush()


def _claim_as_offered(session: Session, pledge: Pledge, event: PledgeOffered) -> None:
    """Promise what the giver held when they offered, and what else is left, up to the quantity they wanted to give."""
    need = session.get(Need, event.claims, populate_existing=True)
    if need is None or need.ended:
        raise unknown_need()
    if session.scalar(select(exists().where(Match.pledge_id == pledge.id, Match.need_id == need.id))):
        return
    holds.use_hold(session, pledge.pledger_id, need, event.offered_at)
    quantity = min(event.claimed or pledge.quantity, pledge.rest, need.rest)
    room = find_household_room(session, pledge, need.household_id)
    _promise(session, need, pledge, max(1, quantity if room is None else min(quantity, room)), event.pledger_kind)
    _offer_rest_of_need(session, need)


def _promise(session: Session, need: Need, pledge: Pledge, quantity: int, giver_kind: str | None) -> Match:
    """Make the accepted match of a locked need and a locked pledge. Raises the problem that `find_claim_problem` finds."""
    at = now()
    shown = public_region(need.region, find_townships(session, [need.region]))
    room = find_household_room(session, pledge, need.household_id)
    kind = find_item(session, need.category).kind if pledge.kind else None
    if problem := find_claim_problem(need, pledge, quantity, at, shown, room, kind):
        raise problem
    need.rest -= quantity
    pledge.rest -= quantity
    match = _accepted_match(need, pledge, quantity, giver_kind, at)
    session.add(match)
    record_movement(match, "promised", quantity, pledge.pledger_id)
    session.flush()
    outbox.add(session, match_accepted(match))
    return match


def _accepted_match(need: Need, pledge: Pledge, quantity: int, giver_kind: str | None, at: datetime) -> Match:
    stated = match_facts(new_id(), need, pledge, quantity)
    match = Match(
        id=stated["match_id"], **{name: value for name, value in stated.items() if name != "match_id"},
        version=1, state="accepted", reasons=[], proposed_at=at, answer_by=at, answered_at=at, giver_kind=giver_kind,
        charity=need.charity, best_before=pledge.best_before,
    )  # fmt: skip
    set_send_deadline(match, at)
    return match


def _offer_rest_of_need(session: Session, need: Need) -> None:
    """Have the units of the need cleared that were held and are not used."""
    if need.rest > 0:
        clearing_queue.add(session, "need", [need.id])
