"""Intake: enter published needs and offered pledges in the book, change and end them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import TextClause, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.data.bulk_sql import encode_rows, insert_into
from chassis.data.database import now
from chassis.messaging import outbox
from contracts.needs import (
    NeedClosed,
    NeedExpired,
    NeedMet,
    NeedMoved,
    NeedPublished,
    NeedReopened,
    NeedWithdrawn,
    PledgeChanged,
    PledgeOffered,
    PledgeWithdrawn,
)
from matching.allocation.score import PRIOR_CLASS, SCOPE_LENGTHS
from matching.book import clearing_queue
from matching.book.actions import lapse_proposals, publish_release
from matching.book.best_before import limit_sending, limit_validity
from matching.book.events import match_need_ended
from matching.book.kinds import Pledged, load_unfit
from matching.book.lock import find_proposed_pledges, lock_rows
from matching.book.model import Match, Need, Pledge
from matching.book.queries import find_matches, sum_promised
from matching.refusals.actions import update_exclusions, withdraw_all_rules
from matching.reliability import classes

# Every item that was ever asked for, with its unit: pledges for a group look up their items here, one index range each.
_ADD_CATEGORIES = insert_into("categories", ("category", "unit"), "ON CONFLICT DO NOTHING")
NeedEnd = NeedWithdrawn | NeedClosed | NeedExpired | NeedMet
NARROWEST = max(SCOPE_LENGTHS)
"""The length to which scopes are cut: events from before this limit may name a village."""
MONEY = "fen"
CHOSEN_AT_ONCE = 500
URGENCY = {"normal": 1, "urgent": 2, "critical": 4}


def book_needs(session: Session, events: Sequence[NeedPublished | NeedMoved | NeedReopened]) -> None:
    """Enter published needs in the book; leave known ones, perhaps ended, as they are.

    A need for money that no charity receives is entered as ended: money goes through registered charities alone.
    """
    rows = [
        {
            **_need_columns(event),
            "of_institution": event.of_institution,
            "urgency": URGENCY[event.urgency],
            "rest": 0 if lacks_charity(event) else event.quantity,
            "ended": lacks_charity(event),
            "posted_at": event.posted_at,
            "published_at": event.published_at,
            "charity": event.charity,
        }
        for event in sorted(events, key=lambda event: event.need_id)
    ]
    entered = session.scalars(_insert("needs", tuple(rows[0])), {"rows": encode_rows(rows)}).all()
    asked = sorted({(event.category, event.unit) for event in events})
    session.execute(_ADD_CATEGORIES, {"rows": encode_rows([{"category": category, "unit": unit} for category, unit in asked])})
    clearing_queue.add(session, "need", set(entered))


def end_needs(session: Session, events: Sequence[NeedEnd]) -> None:
    """End needs, all in the same way: lapse their proposals, and publish `MatchNeedEnded` for accepted matches.

    An unknown need is entered as ended. An expired or met need counts as closed.
    """
    newest = {event.need_id: event for event in sorted(events, key=lambda event: (event.need_id, event.version))}
    rows = [{**_need_columns(event), "urgency": 0, "rest": 0, "ended": True, "posted_at": now()} for event in newest.values()]
    while not _end_unless_proposed(session, rows):
        pass
    because: Literal["need_withdrawn", "need_closed"] = "need_withdrawn" if isinstance(events[0], NeedWithdrawn) else "need_closed"
    # One that has opened again since is not ended by an older event.
    ended = session.scalars(select(Need.id).where(Need.id.in_(newest), Need.ended)).all()
    lapse_proposals(session, find_matches(session, "proposed", Match.need_id.in_(ended)), because)
    unpublished = Match.need_id.in_(ended) & Match.need_ended_at.is_(None)
    promised = find_matches(session, "accepted", unpublished, locked=True)
    for match in promised:
        match.version, match.need_ended_because, match.need_ended_at = match.version + 1, because, now()
        match.need_ended_version = match.version
    session.flush()
    outbox.add(session, *map(match_need_ended, promised))


def _end_unless_proposed(session: Session, rows: list[dict[str, Any]]) -> bool:
    """End the needs and keep their locks, after the locks of all pledges that are proposed to them.

    Returns False, with nothing locked or done, when a pledge was proposed meanwhile: the next attempt locks it too.
    """
    entry = insert(Need).values(rows)
    ending = entry.on_conflict_do_update(
        index_elements=["id"],
        set_={"version": entry.excluded.version, "rest": 0, "ended": True},
        where=Need.version < entry.excluded.version,
    )
    needs = [row["id"] for row in rows]
    with session.begin_nested() as step:
        held = find_proposed_pledges(session, needs)
        lock_rows(session, Pledge, held)
        session.execute(ending)
        if find_proposed_pledges(session, needs) <= held:
            return True
        step.rollback()
    return False


def book_pledges(session: Session, events: Sequence[PledgeOffered]) -> set[UUID]:
    """Enter offered pledges in the book; leave known ones, perhaps changed or ended, as they are. Return those entered.

    A pledge from before kinds were told gets its kind.
    """
    known = classes.load_classes(session, {event.pledger_id for event in events})
    unfit = load_unfit(session, [_pledged(event) for event in events])
    rows = [_pledge_columns(event, known, unfit) for event in sorted(events, key=lambda event: event.pledge_id)]
    entered = set(session.scalars(_insert("pledges", tuple(rows[0])), {"rows": encode_rows(rows)}))
    clearing_queue.add(session, "pledge", entered)
    _add_missing_kinds(session, [event for event in events if event.pledge_id not in entered], unfit)
    return entered


def _add_missing_kinds(session: Session, events: Sequence[PledgeOffered], unfit: Mapping[Pledged, list[str]]) -> None:
    """Give known pledges without a kind theirs; lapse their proposals to needs of another kind."""
    told = {event.pledge_id: event for event in events}
    if not told:
        return
    without = select(Pledge).where(Pledge.id.in_(told), Pledge.kind.is_(None)).order_by(Pledge.id).with_for_update()
    for pledge in session.scalars(without.execution_options(populate_existing=True)).all():
        event = told[pledge.id]
        pledge.kind, pledge.unfit = event.kind, unfit[_pledged(event)]
        session.flush()
        update_exclusions(session, pledge)
        wrong = (Match.pledge_id == pledge.id) & Match.category.in_(pledge.unfit)
        lapse_proposals(session, find_matches(session, "proposed", wrong), "pledge_changed")
        session.refresh(pledge)
        if not pledge.ended:
            clearing_queue.add(session, "pledge", [pledge.id])


def change_pledge(session: Session, event: PledgeChanged) -> None:
    """Change a pledge: lapse its proposals, keep its accepted matches, and publish its open quantity."""
    pledge = _lock_at_version(session, event.pledge_id, event.version, _columns_of_unknown(session, event))
    if pledge is None:
        return
    lapse_proposals(session, find_matches(session, "proposed", Match.pledge_id == pledge.id), "pledge_changed")
    # SQL released the lapsed quantities. Without a refresh the object would write its old figure back.
    session.refresh(pledge)
    if pledge.kind is None:
        pledge.kind, pledge.unfit = event.kind, load_unfit(session, [_pledged(event)])[_pledged(event)]
    withdraw_all_rules(session, pledge)
    if not pledge.ended or pledge.paused:
        promised = sum_promised(session, pledge.id)
        pledge.ended = pledge.paused = False
        pledge.scope, pledge.valid_until = event.region[:NARROWEST], limit_validity(event.valid_until, event.best_before)
        pledge.expired = pledge.valid_until <= now()
        pledge.choose_until, pledge.choosing = event.choose_until, _is_choosing(event)
        if event.best_before and event.best_before != pledge.best_before:
            _restate_best_before(session, pledge.id, event.best_before)
        pledge.best_before, pledge.household_limit = event.best_before, event.limit_per_household
        pledge.quantity = max(event.quantity, promised)
        pledge.rest = pledge.quantity - promised
        session.flush()
        clearing_queue.add(session, "pledge", [pledge.id])
    publish_release(session, pledge)


def withdraw_pledge(session: Session, event: PledgeWithdrawn) -> None:
    """Withdraw a pledge: lapse its proposals, keep its accepted matches."""
    pledge = _lock_at_version(session, event.pledge_id, event.version, _columns_of_unknown(session, event))
    if pledge is None:
        return
    withdraw_all_rules(session, pledge)
    pledge.ended, pledge.paused, pledge.rest = True, False, 0
    session.flush()
    lapse_proposals(session, find_matches(session, "proposed", Match.pledge_id == pledge.id), "pledge_withdrawn")
    publish_release(session, pledge)


def _lock_at_version(session: Session, pledge_id: UUID, version: int, unknown: dict[str, Any]) -> Pledge | None:
    """Lock a pledge and set its version; enter it if it is unknown. Return None when it has this version or a later one already."""
    entered = session.scalar(insert(Pledge).values(unknown).on_conflict_do_nothing(index_elements=["id"]).returning(Pledge.id))
    pledge = session.get(Pledge, pledge_id, with_for_update=True, populate_existing=True)
    if pledge is None or (entered is None and pledge.version >= version):
        return None
    pledge.version = version
    return pledge


def _restate_best_before(session: Session, pledge_id: UUID, best_before: datetime) -> None:
    """Give accepted matches of a pledge its new date. It may shorten the time to send, and never lengthens it."""
    accepted = session.scalars(select(Match).where(Match.pledge_id == pledge_id, Match.state == "accepted").with_for_update())
    for match in accepted:
        match.best_before = best_before
        if match.send_by:
            match.send_by = min(match.send_by, limit_sending(match.send_by, best_before, now()))


def end_choosing(session: Session) -> int:
    """Have the pledges cleared whose time to choose is over; return their number. Locked ones come next time."""
    over = select(Pledge.id).where(Pledge.choosing, Pledge.choose_until <= now()).order_by(Pledge.choose_until)
    taken = over.limit(CHOSEN_AT_ONCE).with_for_update(skip_locked=True)
    ended = update(Pledge).where(Pledge.id.in_(taken.scalar_subquery())).values(choosing=False).returning(Pledge.id)
    ids = session.scalars(ended, execution_options={"synchronize_session": False}).all()
    clearing_queue.add(session, "pledge", ids)
    return len(ids)


def _is_choosing(event: PledgeOffered | PledgeChanged | PledgeWithdrawn) -> bool:
    return event.choose_until is not None and event.choose_until > now()


@cache
def _insert(table: str, columns: tuple[str, ...]) -> TextClause:
    return insert_into(table, columns, "ON CONFLICT (id) DO NOTHING RETURNING id")


def lacks_charity(event: NeedPublished | NeedMoved | NeedReopened) -> bool:
    """Tell whether a need for money has no charity that receives it."""
    return event.unit == MONEY and event.charity is None


def _need_columns(event: NeedPublished | NeedMoved | NeedReopened | NeedEnd) -> dict[str, Any]:
    return {
        "id": event.need_id,
        "version": event.version,
        "household_id": event.household_id,
        "account_id": event.account_id,
        "poster_id": event.poster_id,
        "region": event.region,
        "category": event.category,
        "unit": event.unit,
        "quantity": event.quantity,
    }


def _pledged(event: PledgeOffered | PledgeChanged | PledgeWithdrawn) -> Pledged:
    return Pledged(event.category, event.unit, event.kind)


def _columns_of_unknown(session: Session, event: PledgeChanged | PledgeWithdrawn) -> dict[str, Any]:
    """Return the columns of a pledge whose offer has not come yet."""
    return _pledge_columns(event, classes.load_classes(session, [event.pledger_id]), load_unfit(session, [_pledged(event)]))


def _pledge_columns(
    event: PledgeOffered | PledgeChanged | PledgeWithdrawn, known: Mapping[UUID, int], unfit: Mapping[Pledged, list[str]]
) -> dict[str, Any]:
    excluded = unfit[_pledged(event)]
    return {
        "id": event.pledge_id,
        "version": event.version,
        "pledger_id": event.pledger_id,
        "pledger_kind": event.pledger_kind if isinstance(event, PledgeOffered) else None,
        "kind": event.kind,
        "category": event.category,
        "unit": event.unit,
        "scope": event.region[:NARROWEST],
        "quantity": event.quantity,
        "rest": event.quantity,
        "ended": False,
        "valid_until": limit_validity(event.valid_until, event.best_before),
        "offered_at": event.offered_at,
        "releases": 0,
        "choose_until": event.choose_until,
        "choosing": _is_choosing(event),
        "best_before": event.best_before,
        "household_limit": event.limit_per_household,
        "reliability": known.get(event.pledger_id, PRIOR_CLASS),
        "unfit": excluded,
        "not_for": excluded,
    }
