"""What insight can do: keep what is told, in any order and however often, and note what is to be counted anew."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import case, func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts.event import Event
from contracts.matching import (
    AppealDecided,
    AppealLodged,
    DisputeOpened,
    DisputeSettled,
    MatchAccepted,
    MatchClosed,
    MatchDeclined,
    MatchLapsed,
    MatchNeedEnded,
    MatchProposed,
    MatchReceived,
    MatchRefused,
    MatchRevised,
    MatchSent,
)
from contracts.needs import NeedClosed, NeedPublished, NeedRejected, NeedWithdrawn, PledgeChanged, PledgeOffered, PledgeWithdrawn
from contracts.users import HouseholdRegistered, UserRegistered
from insight.days import day_of
from insight.model import Act, Household, Match, Need, Objection, Person, Stale
from insight.values import URGENCY, value_of

AnyAnswer = MatchAccepted | MatchRefused | MatchDeclined | MatchLapsed | MatchRevised
AnyMatch = MatchProposed | AnyAnswer | MatchNeedEnded | MatchSent | MatchReceived | MatchClosed
AnyObjection = DisputeOpened | DisputeSettled | AppealLodged | AppealDecided
AnyPledge = PledgeOffered | PledgeChanged | PledgeWithdrawn
_STATES = {
    MatchProposed: "proposed",
    MatchAccepted: "accepted",
    MatchRefused: "refused",
    MatchDeclined: "declined",
    MatchLapsed: "lapsed",
    MatchRevised: "lapsed",
    MatchNeedEnded: "need_ended",
    MatchSent: "sent",
    MatchReceived: "received",
    MatchClosed: "closed",
}


def record_people(session: Session, events: Sequence[UserRegistered]) -> None:
    """Keep who takes part; an older version changes nothing."""
    rows = {
        event.user_id: {"kind": event.kind, "region": event.region, "day": day_of(event.registered_at), "version": event.version}
        for event in _by_version(events)
    }
    _keep_newest(session, Person, rows, "kind", "region", "day")
    _mark(session, "person", rows)


def record_households(session: Session, events: Sequence[HouseholdRegistered]) -> None:
    """Keep which households stand in the register; an older version changes nothing."""
    rows = {
        event.household_id: {"region": event.region, "day": day_of(event.registered_at), "version": event.version}
        for event in _by_version(events)
    }
    _keep_newest(session, Household, rows, "region", "day")
    _mark(session, "household", rows)


def record_published_needs(session: Session, events: Sequence[NeedPublished]) -> None:
    """Keep when a need was published and what it weighs, however it stands by now; its poster did something on the day of posting."""
    rows = {
        event.need_id: _need(event) | {"day": day_of(event.published_at), "urgency": URGENCY[event.urgency]}
        for event in _by_version(events)
    }
    fresh = insert(Need).values(_listed(rows))
    published = {name: fresh.excluded[name] for name in ("day", "urgency", "quantity", "value")}
    _do(session, fresh.on_conflict_do_update(index_elements=["id"], set_=published, where=Need.day.is_(None)))
    _mark(session, "need", rows)
    _note_acts(session, {(event.poster_id, day_of(event.posted_at)) for event in events})


def record_ended_needs(session: Session, events: Sequence[NeedRejected | NeedWithdrawn | NeedClosed]) -> None:
    """Keep how a need ended, known or not; an older version changes nothing."""
    rows = {event.need_id: _need(event) | _end(event) for event in _by_version(events)}
    _keep_newest(session, Need, rows, "state", "ended_on")
    _mark(session, "need", rows)


def record_pledges(session: Session, events: Sequence[AnyPledge]) -> None:
    """Who pledged did something on the day of their offer, which every event of a pledge restates."""
    _note_acts(session, {(event.pledger_id, day_of(event.offered_at)) for event in events})


def record_matches(session: Session, events: Sequence[AnyMatch]) -> None:
    """Keep how matches stand, and when they were accepted, whatever came of that; who answered did something on that day."""
    rows = {
        event.match_id: {
            "version": event.version,
            "need_id": event.need_id,
            "pledger_id": event.pledger_id,
            "quantity": event.quantity,
            "state": _STATES[type(event)],
            "accepted_on": day_of(event.accepted_at) if isinstance(event, MatchAccepted) else None,
            "received": event.received if isinstance(event, MatchReceived | MatchClosed) else None,
        }
        for event in _by_version(events)
    }
    fresh = insert(Match).values(_listed(rows))
    is_newer = Match.version < fresh.excluded.version
    newest = {name: case((is_newer, fresh.excluded[name]), else_=getattr(Match, name)) for name in ("state", "quantity")}
    newest |= {"version": func.greatest(Match.version, fresh.excluded.version)}
    newest |= {name: func.coalesce(getattr(Match, name), fresh.excluded[name]) for name in ("accepted_on", "received")}
    _do(session, fresh.on_conflict_do_update(index_elements=["id"], set_=newest))
    _mark(session, "need", {event.need_id for event in events})
    answered = {MatchAccepted: "accepted_at", MatchRefused: "refused_at"}
    _note_acts(session, {(event.pledger_id, day_of(getattr(event, answered[type(event)]))) for event in events if type(event) in answered})


def record_objections(session: Session, events: Sequence[AnyObjection]) -> None:
    """Keep when something was disputed or appealed against, and that it is over: none opens again, so that no order matters."""
    rows: dict[UUID, dict[str, Any]] = {}
    for event in events:
        row = rows.setdefault(event.subject, {"region": event.region, "day": None, "is_over": False})
        row["kind"] = "dispute" if isinstance(event, DisputeOpened | DisputeSettled) else "appeal"
        if isinstance(event, DisputeOpened | AppealLodged):
            row["day"] = day_of(event.opened_at if isinstance(event, DisputeOpened) else event.lodged_at)
        else:
            row["is_over"] = True
    fresh = insert(Objection).values(_listed(rows))
    heard = {"day": func.coalesce(Objection.day, fresh.excluded.day), "is_over": Objection.is_over | fresh.excluded.is_over}
    _do(session, fresh.on_conflict_do_update(index_elements=["id"], set_=heard))
    _mark(session, "objection", rows)


def _note_acts(session: Session, acts: set[tuple[UUID, date]]) -> None:
    rows = [{"person_id": person_id, "day": day} for person_id, day in sorted(acts)]
    if rows:
        _do(session, insert(Act).values(rows).on_conflict_do_nothing())
        _do(session, insert(Stale).values([{"kind": "act", "thing": row["person_id"], "day": row["day"]} for row in rows]))


def _keep_newest(session: Session, entity: Any, rows: dict[UUID, dict[str, Any]], *names: str) -> None:
    fresh = insert(entity).values(_listed(rows))
    newest = {name: fresh.excluded[name] for name in (*names, "version")}
    _do(session, fresh.on_conflict_do_update(index_elements=["id"], set_=newest, where=entity.version < fresh.excluded.version))


def _mark(session: Session, kind: str, things: Iterable[UUID]) -> None:
    _do(session, insert(Stale).values([{"kind": kind, "thing": thing} for thing in things]))


def _do(session: Session, statement: Any) -> None:
    session.execute(statement, execution_options={"synchronize_session": False})


def _by_version(events: Sequence[Any]) -> list[Any]:
    """So that in a dictionary by id the newest remains."""
    return sorted(events, key=lambda event: event.version)


def _listed(rows: dict[UUID, dict[str, Any]]) -> list[dict[str, Any]]:
    # Sorted, because two overlapping batches that insert in different orders deadlock.
    return [{"id": thing, **rows[thing]} for thing in sorted(rows)]


def _need(event: Event) -> dict[str, Any]:
    stated: Any = event
    value = value_of(stated.category, stated.quantity)
    return {"region": stated.region, "quantity": stated.quantity, "value": value, "version": 0}


def _end(event: NeedRejected | NeedWithdrawn | NeedClosed) -> dict[str, Any]:
    ended_at: datetime
    if isinstance(event, NeedRejected):
        state, ended_at = "rejected", event.rejected_at
    elif isinstance(event, NeedWithdrawn):
        state, ended_at = "withdrawn", event.withdrawn_at
    else:
        state, ended_at = "met_elsewhere" if event.reason == "met_elsewhere" else "closed", event.closed_at
    return {"state": state, "ended_on": day_of(ended_at), "version": event.version}
