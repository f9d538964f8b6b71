"""What matching can do besides clearing: keep the book as needs tells it, and carry out what people decide."""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any, Literal
from uuid import UUID

import msgspec
from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, object_session

from chassis import outbox, versions
from chassis.auth import Caller
from chassis.database import new_id, now
from contracts.matching import Lapse, MatchAccepted, MatchLapsed, MatchNeedEnded, MatchProposed, MatchRefused, PledgeReleased, Reason
from contracts.needs import NeedClosed, NeedPublished, NeedWithdrawn, PledgeChanged, PledgeOffered, PledgeWithdrawn
from matching import allowed, queries, to_clear
from matching.clearing import concerned
from matching.model import Category, Match, Need, Pledge
from matching.problems import does_not_fit, not_enough, unknown_need, unknown_pledge

_ANEW = {"populate_existing": True}
URGENCY = {"normal": 1, "urgent": 2, "critical": 4}
LAPSED_AT_ONCE = 500


def book_needs(session: Session, events: Sequence[NeedPublished]) -> None:
    """Enter published needs into the book; one that is known already, perhaps as ended, stays as it is."""
    rows = [
        {
            **_stated_of(event),
            "urgency": URGENCY[event.urgency],
            "rest": event.quantity,
            "ended": False,
            "posted_at": event.posted_at,
        }
        for event in sorted(events, key=lambda event: event.need_id)
    ]
    entered = session.scalars(insert(Need).values(rows).on_conflict_do_nothing(index_elements=["id"]).returning(Need.id))
    asked = sorted({(event.category, event.unit) for event in events})
    categories = insert(Category).values([{"category": category, "unit": unit} for category, unit in asked])
    session.execute(categories.on_conflict_do_nothing())
    to_clear.add(session, "need", set(entered))


def end_needs(session: Session, events: Sequence[NeedWithdrawn | NeedClosed]) -> None:
    """Nothing more for these needs, which all ended in the same way: unanswered proposals lapse, who accepted one is told.

    One that is not known yet leaves an ended row.
    """
    newest = {event.need_id: event for event in sorted(events, key=lambda event: (event.need_id, event.version))}
    proposals = _matches(session, "proposed", Match.need_id.in_(newest))
    _lock(session, Pledge, {match.pledge_id for match in proposals})
    rows = [{**_stated_of(event), "urgency": 0, "rest": 0, "ended": True, "posted_at": now()} for event in newest.values()]
    entry = insert(Need).values(rows)
    session.execute(
        entry.on_conflict_do_update(
            index_elements=["id"],
            set_={"version": entry.excluded.version, "rest": 0, "ended": True},
            where=Need.version < entry.excluded.version,
        )
    )
    because: Literal["need_withdrawn", "need_closed"] = "need_withdrawn" if isinstance(events[0], NeedWithdrawn) else "need_closed"
    _lapse(session, _matches(session, "proposed", Match.need_id.in_(newest)), because)
    promised = _matches(session, "accepted", Match.need_id.in_(newest))
    for match in promised:
        match.version, match.need_ended_because, match.need_ended_at = match.version + 1, because, now()
    session.flush()
    outbox.add(session, *map(need_ended, promised))


def book_pledges(session: Session, events: Sequence[PledgeOffered]) -> None:
    """Enter offered pledges into the book; one that is known already, perhaps changed or ended, stays as it is."""
    rows = [_offer(event) for event in sorted(events, key=lambda event: event.pledge_id)]
    entered = session.scalars(insert(Pledge).values(rows).on_conflict_do_nothing(index_elements=["id"]).returning(Pledge.id))
    to_clear.add(session, "pledge", set(entered))


def change_pledge(session: Session, event: PledgeChanged) -> None:
    """Release the unanswered proposals of the pledge, keep what was accepted, and tell what is free now."""
    pledge = _pledge_at(session, event.pledge_id, event.version, _offer(event))
    if pledge is None:
        return
    _lapse(session, _matches(session, "proposed", Match.pledge_id == pledge.id), "pledge_changed")
    # What lapsed was given back by SQL, which the object does not know: it would take its old figure for unchanged.
    session.refresh(pledge)
    if not pledge.ended:
        promised = _accepted(session, pledge.id)
        pledge.scope, pledge.valid_until = event.region, event.valid_until
        pledge.quantity = max(event.quantity, promised)
        pledge.rest = pledge.quantity - promised
        session.flush()
        to_clear.add(session, "pledge", [pledge.id])
    _tell_released(session, pledge)


def withdraw_pledge(session: Session, event: PledgeWithdrawn) -> None:
    """Nothing more of the pledge: unanswered proposals lapse, what was accepted stays."""
    pledge = _pledge_at(session, event.pledge_id, event.version, _offer(event))
    if pledge is None:
        return
    pledge.ended, pledge.rest = True, 0
    session.flush()
    _lapse(session, _matches(session, "proposed", Match.pledge_id == pledge.id), "pledge_withdrawn")
    _tell_released(session, pledge)


def accept_match(session: Session, caller: Caller, match_id: UUID) -> Match:
    """The pledger agrees to a proposal that still waits for their answer."""
    match = _to_answer(session, caller, match_id)
    match.state, match.answered_at = "accepted", now()
    match.version += 1
    session.flush()
    outbox.add(session, accepted(match))
    return match


def refuse_match(session: Session, caller: Caller, match_id: UUID, reason: str) -> Match:
    """The pledger declines; need and pledge are free again, not for each other."""
    queries.own_match(session, caller, match_id)
    _lock_book(session, [session.get_one(Match, match_id)])
    match = _to_answer(session, caller, match_id)
    match.state, match.answered_at, match.ended_because, match.barred = "refused", now(), reason, True
    match.version += 1
    session.flush()
    _give_back(session, [match])
    outbox.add(session, refused(match))
    return match


def claim_need(session: Session, caller: Caller, need_id: UUID, pledge_id: UUID, quantity: int) -> Match:
    """A pledger sets a quantity of their own pledge aside for a need they chose; accepted at once."""
    pledge = session.get(Pledge, pledge_id, with_for_update=True, populate_existing=True)
    if pledge is None or pledge.pledger_id != caller.id:
        raise unknown_pledge()
    need = session.get(Need, need_id, with_for_update=True, populate_existing=True)
    if need is None:
        raise unknown_need()
    if need.ended or pledge.ended or pledge.valid_until <= now() or min(need.rest, pledge.rest) < quantity:
        raise not_enough()
    within = f"{need.category}.".startswith(f"{pledge.category}.") and need.region.startswith(pledge.scope)
    if not within or need.unit != pledge.unit:
        raise does_not_fit()
    need.rest -= quantity
    pledge.rest -= quantity
    at = now()
    stated = concerned(new_id(), need, pledge, quantity)
    match = Match(
        id=stated["match_id"], **{name: value for name, value in stated.items() if name != "match_id"},
        state="accepted", reasons=[], proposed_at=at, answer_by=at, answered_at=at,
    )  # fmt: skip
    session.add(match)
    session.flush()
    outbox.add(session, accepted(match))
    return match


def lapse_matches(session: Session) -> int:
    """Proposals whose time is over end unanswered; their pairs are not proposed to each other again. Returns how many ended."""
    late = select(Match).where(Match.state == "proposed", Match.answer_by < now()).order_by(Match.answer_by).limit(LAPSED_AT_ONCE)
    return len(_lapse(session, session.scalars(late).all(), "deadline"))


def proposed(match: Match) -> MatchProposed:
    """What was told of a match when it was proposed, whatever became of it."""
    reasons = msgspec.convert(match.reasons, list[Reason])
    return MatchProposed(version=1, **_stated(match), reasons=reasons, proposed_at=match.proposed_at, answer_by=match.answer_by)


def accepted(match: Match) -> MatchAccepted:
    """What was told of a match when it was accepted, even if its need has ended since."""
    version = match.version - 1 if match.need_ended_at else match.version
    return MatchAccepted(
        version=version, **_stated(match), chosen="claim" if is_claim(match) else "proposal", accepted_at=match.answered_at
    )


def refused(match: Match) -> MatchRefused:
    return MatchRefused(version=match.version, **_stated(match), reason=match.ended_because, refused_at=match.answered_at)


def lapsed(match: Match) -> MatchLapsed:
    return MatchLapsed(version=match.version, **_stated(match), reason=match.ended_because, lapsed_at=match.answered_at)


def need_ended(match: Match) -> MatchNeedEnded:
    return MatchNeedEnded(version=match.version, **_stated(match), reason=match.need_ended_because, ended_at=match.need_ended_at)


def released(pledge: Pledge) -> PledgeReleased:
    """What is told of a pledge that was changed or withdrawn: its figures, and which version of it they answer."""
    session = object_session(pledge)
    if session is None:
        raise ValueError("what was accepted of it is asked in its session")
    return PledgeReleased(
        version=pledge.releases,
        pledge_id=pledge.id,
        pledger_id=pledge.pledger_id,
        category=pledge.category,
        unit=pledge.unit,
        answers=pledge.version,
        withdrawn=pledge.ended,
        quantity=pledge.quantity,
        accepted=_accepted(session, pledge.id),
        open=pledge.rest,
        released_at=pledge.released_at or pledge.offered_at,
    )


def is_claim(match: Match) -> bool:
    """Whether the pledger chose the need: then nobody ever had time to answer."""
    return match.answer_by == match.proposed_at


def _pledge_at(session: Session, pledge_id: UUID, version: int, unknown: dict[str, Any]) -> Pledge | None:
    """The pledge, locked and at this version; entered if it was not known. None when it is at this version or a later one already."""
    entered = session.scalar(insert(Pledge).values(unknown).on_conflict_do_nothing(index_elements=["id"]).returning(Pledge.id))
    pledge = session.get(Pledge, pledge_id, with_for_update=True, populate_existing=True)
    if pledge is None or (entered is None and pledge.version >= version):
        return None
    pledge.version = version
    return pledge


def _matches(session: Session, state: str, condition: Any) -> Sequence[Match]:
    return session.scalars(select(Match).where(Match.state == state, condition).order_by(Match.id), execution_options=_ANEW).all()


def _lapse(session: Session, matches: Sequence[Match], because: Lapse) -> Sequence[Match]:
    if not matches:
        return []
    _lock_book(session, matches)
    ended = session.scalars(
        update(Match)
        .where(Match.id.in_([match.id for match in matches]), Match.state == "proposed")
        .values(state="lapsed", version=Match.version + 1, ended_because=because, barred=because == "deadline", answered_at=now())
        .returning(Match),
        execution_options=_ANEW,
    ).all()
    _give_back(session, ended)
    outbox.add(session, *map(lapsed, ended))
    return ended


def _lock_book(session: Session, matches: Sequence[Match]) -> None:
    """Everybody who needs both locks pledges before needs, each in the order of their ids, and matches last: so nobody deadlocks."""
    _lock(session, Pledge, {match.pledge_id for match in matches})
    _lock(session, Need, {match.need_id for match in matches})


def _lock(session: Session, entity: type[Pledge] | type[Need], ids: Collection[UUID]) -> None:
    session.execute(select(entity.id).where(entity.id.in_(ids)).order_by(entity.id).with_for_update())


_GIVE_BACK = {
    table: text(
        f"UPDATE {table} SET rest = rest + part.quantity"
        " FROM unnest(CAST(:ids AS uuid[]), CAST(:quantities AS bigint[])) AS part (id, quantity)"
        f" WHERE {table}.id = part.id AND NOT ended"
    )
    for table in ("needs", "pledges")
}


def _give_back(session: Session, matches: Sequence[Match]) -> None:
    """What was set aside is free again, as far as the need and the pledge are still open, and is looked at again."""
    sides: tuple[tuple[Literal["need", "pledge"], str, str], ...] = (("need", "needs", "need_id"), ("pledge", "pledges", "pledge_id"))
    for side, table, column in sides:
        freed: Counter[UUID] = Counter()
        for match in matches:
            freed[getattr(match, column)] += match.quantity
        if freed:
            session.execute(_GIVE_BACK[table], {"ids": list(freed), "quantities": list(freed.values())})
            to_clear.add(session, side, freed.keys())


def _to_answer(session: Session, caller: Caller, match_id: UUID) -> Match:
    queries.own_match(session, caller, match_id)
    match = session.get_one(Match, match_id, with_for_update=True, populate_existing=True)
    versions.as_seen(session, match)
    if refusal := allowed.refusal(caller, match):
        raise refusal
    return match


def _accepted(session: Session, pledge_id: UUID) -> int:
    total = select(func.coalesce(func.sum(Match.quantity), 0)).where(Match.pledge_id == pledge_id, Match.state == "accepted")
    return int(session.scalar(total) or 0)


def _tell_released(session: Session, pledge: Pledge) -> None:
    pledge.releases, pledge.released_at = pledge.releases + 1, now()
    session.flush()
    outbox.add(session, released(pledge))


def _stated_of(event: NeedPublished | NeedWithdrawn | NeedClosed) -> dict[str, Any]:
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


def _offer(event: PledgeOffered | PledgeChanged | PledgeWithdrawn) -> dict[str, Any]:
    return {
        "id": event.pledge_id,
        "version": event.version,
        "pledger_id": event.pledger_id,
        "category": event.category,
        "unit": event.unit,
        "scope": event.region,
        "quantity": event.quantity,
        "rest": event.quantity,
        "ended": False,
        "valid_until": event.valid_until,
        "offered_at": event.offered_at,
        "releases": 0,
    }


def _stated(match: Match) -> dict[str, Any]:
    names = ("need_id", "pledge_id", "household_id", "account_id", "poster_id", "pledger_id", "region", "category", "unit", "quantity")
    return {"match_id": match.id} | {name: getattr(match, name) for name in names}
