"""Actions of insight: store the facts of events, in any order and however often, and mark their subjects as stale."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, case, func
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
    MatchCorrected,
    MatchDeclined,
    MatchLapsed,
    MatchNeedEnded,
    MatchNeedReopened,
    MatchProposed,
    MatchReceived,
    MatchRefused,
    MatchRevised,
    MatchSent,
)
from contracts.needs import (
    NeedClosed,
    NeedExpired,
    NeedMet,
    NeedPublished,
    NeedRejected,
    NeedReopened,
    NeedWithdrawn,
    PledgeChanged,
    PledgeOffered,
    PledgeWithdrawn,
)
from contracts.users import HouseholdEnded, HouseholdMoved, HouseholdRegistered, OfficialRegistered, UserRegistered
from insight.days import day_of
from insight.model import Activity, Household, Match, Need, Objection, Person, Stale
from insight.values import URGENCY, load_values, value_of

MatchAnswer = MatchAccepted | MatchRefused | MatchDeclined | MatchLapsed | MatchRevised
MatchDelivery = MatchNeedEnded | MatchNeedReopened | MatchSent | MatchReceived | MatchCorrected | MatchClosed
MatchEvent = MatchProposed | MatchAnswer | MatchDelivery
ObjectionEvent = DisputeOpened | DisputeSettled | AppealLodged | AppealDecided
NeedEnd = NeedRejected | NeedWithdrawn | NeedClosed | NeedExpired | NeedMet
PledgeEvent = PledgeOffered | PledgeChanged | PledgeWithdrawn
VOIDING = frozenset({"error", "merged", "not_confirmed"})
"""The ends of households that should not have been entered, or were entered twice."""
MATCH_STATES: dict[type[Event], str] = {
    MatchProposed: "proposed",
    MatchAccepted: "accepted",
    MatchRefused: "refused",
    MatchDeclined: "declined",
    MatchLapsed: "lapsed",
    MatchRevised: "lapsed",
    MatchNeedEnded: "need_ended",
    MatchNeedReopened: "accepted",
    MatchSent: "sent",
    MatchReceived: "received",
    MatchCorrected: "received",
    MatchClosed: "closed",
}


def record_people(session: Session, events: Sequence[UserRegistered | OfficialRegistered]) -> None:
    """Store accounts; an older version changes nothing."""
    rows = {
        event.user_id: {"kind": event.kind, "region": event.region, "day": day_of(event.registered_at), "version": event.version}
        for event in _oldest_first(events)
    }
    _upsert_newest(session, Person, rows, "kind", "region", "day")
    _mark_stale(session, "person", rows)


def record_households(session: Session, events: Sequence[HouseholdRegistered]) -> None:
    """Store households; an older version changes nothing."""
    _store_households(session, {one.household_id: _household_columns(one, day_of(one.registered_at)) for one in _oldest_first(events)})


def record_leaving_households(session: Session, events: Sequence[HouseholdMoved | HouseholdEnded]) -> None:
    """Store where households moved to, and which ones should never have been entered; an older version changes nothing."""
    _store_households(session, {event.household_id: _household_columns(event, None) for event in _oldest_first(events)})


def record_published_needs(session: Session, events: Sequence[NeedPublished | NeedReopened]) -> None:
    """Store the day and the weight of published needs, even of ended ones. Their posters were active on the day of posting."""
    values = _values_of(session, events)
    rows = {
        event.need_id: _need_columns(event, values) | {"day": day_of(event.published_at), "urgency": URGENCY[event.urgency]}
        for event in _oldest_first(events)
    }
    fresh = insert(Need).values(_rows_by_id(rows))
    published = {name: fresh.excluded[name] for name in ("day", "urgency", "quantity", "value")}
    _execute(session, fresh.on_conflict_do_update(index_elements=["id"], set_=published, where=Need.day.is_(None)))
    _mark_stale(session, "need", rows)
    _record_activity(session, {(event.poster_id, day_of(event.posted_at)) for event in events})


def record_ended_needs(session: Session, events: Sequence[NeedEnd]) -> None:
    """Store the ends of needs, known ones or not; an older version changes nothing."""
    values = _values_of(session, events)
    rows = {event.need_id: _need_columns(event, values) | _end_columns(event) for event in _oldest_first(events)}
    _upsert_newest(session, Need, rows, "state", "ended_on")
    _mark_stale(session, "need", rows)


def record_reopened_needs(session: Session, events: Sequence[NeedReopened]) -> None:
    """Forget the ends of needs that are open again; an older version changes nothing. They are counted as published before."""
    record_published_needs(session, events)
    values = _values_of(session, events)
    open_again = {"state": None, "ended_on": None}
    rows = {event.need_id: _need_columns(event, values) | open_again | {"version": event.version} for event in _oldest_first(events)}
    _upsert_newest(session, Need, rows, "state", "ended_on")


def record_pledges(session: Session, events: Sequence[PledgeEvent]) -> None:
    """Store the activity of pledgers on the day of the offer; every event of a pledge repeats that day."""
    _record_activity(session, {(event.pledger_id, day_of(event.offered_at)) for event in events})


def record_matches(session: Session, events: Sequence[MatchEvent]) -> None:
    """Store the newest state of matches, and the day of acceptance whatever followed. Pledgers who answered were active that day."""
    rows = {
        event.match_id: {
            "version": event.version,
            "need_id": event.need_id,
            "pledger_id": event.pledger_id,
            "quantity": event.quantity,
            "state": MATCH_STATES[type(event)],
            "accepted_on": day_of(event.accepted_at) if isinstance(event, MatchAccepted) else None,
            "received": event.received if isinstance(event, MatchReceived | MatchCorrected | MatchClosed) else None,
        }
        for event in _oldest_first(events)
    }
    fresh = insert(Match).values(_rows_by_id(rows))
    is_newer = Match.version < fresh.excluded.version
    newest: dict[str, ColumnElement[Any]] = {
        name: case((is_newer, fresh.excluded[name]), else_=getattr(Match, name)) for name in ("state", "quantity")
    }
    newest |= {"version": func.greatest(Match.version, fresh.excluded.version)}
    newest |= {"accepted_on": func.coalesce(Match.accepted_on, fresh.excluded.accepted_on)}
    # A dispute may correct what was received.
    corrected = case((is_newer, fresh.excluded.received))
    newest |= {"received": func.coalesce(corrected, Match.received, fresh.excluded.received)}
    _execute(session, fresh.on_conflict_do_update(index_elements=["id"], set_=newest))
    _mark_stale(session, "need", {event.need_id for event in events})
    answers = [event for event in events if isinstance(event, MatchAccepted | MatchRefused)]
    answered = {(one.pledger_id, day_of(one.accepted_at if isinstance(one, MatchAccepted) else one.refused_at)) for one in answers}
    _record_activity(session, answered)


def record_objections(session: Session, events: Sequence[ObjectionEvent]) -> None:
    """Store the day and the end of disputes and appeals. None opens again, so their order does not matter."""
    rows: dict[UUID, dict[str, Any]] = {}
    for event in events:
        row = rows.setdefault(event.subject, {"region": event.region, "day": None, "is_over": False})
        row["kind"] = "dispute" if isinstance(event, DisputeOpened | DisputeSettled) else "appeal"
        if isinstance(event, DisputeOpened | AppealLodged):
            row["day"] = day_of(event.opened_at if isinstance(event, DisputeOpened) else event.lodged_at)
        else:
            row["is_over"] = True
    fresh = insert(Objection).values(_rows_by_id(rows))
    received = {"day": func.coalesce(Objection.day, fresh.excluded.day), "is_over": Objection.is_over | fresh.excluded.is_over}
    _execute(session, fresh.on_conflict_do_update(index_elements=["id"], set_=received))
    _mark_stale(session, "objection", rows)


def _household_columns(event: HouseholdRegistered | HouseholdMoved | HouseholdEnded, day: date | None) -> dict[str, Any]:
    is_void = isinstance(event, HouseholdEnded) and event.reason in VOIDING
    return {"region": event.region, "day": day, "is_void": is_void, "version": event.version}


def _store_households(session: Session, rows: dict[UUID, dict[str, Any]]) -> None:
    fresh = insert(Household).values(_rows_by_id(rows))
    is_newer = Household.version < fresh.excluded.version
    newest: dict[str, Any] = {
        name: case((is_newer, fresh.excluded[name]), else_=getattr(Household, name)) for name in ("region", "is_void", "version")
    }
    newest["day"] = func.coalesce(Household.day, fresh.excluded.day)
    _execute(session, fresh.on_conflict_do_update(index_elements=["id"], set_=newest))
    _mark_stale(session, "household", rows)


def _record_activity(session: Session, days: set[tuple[UUID, date]]) -> None:
    rows = [{"person_id": person_id, "day": day} for person_id, day in sorted(days)]
    if rows:
        _execute(session, insert(Activity).values(rows).on_conflict_do_nothing())
        _execute(session, insert(Stale).values([{"kind": "act", "thing": row["person_id"], "day": row["day"]} for row in rows]))


def _upsert_newest(session: Session, entity: Any, rows: dict[UUID, dict[str, Any]], *names: str) -> None:
    fresh = insert(entity).values(_rows_by_id(rows))
    newest = {name: fresh.excluded[name] for name in (*names, "version")}
    _execute(session, fresh.on_conflict_do_update(index_elements=["id"], set_=newest, where=entity.version < fresh.excluded.version))


def _mark_stale(session: Session, kind: str, things: Iterable[UUID]) -> None:
    _execute(session, insert(Stale).values([{"kind": kind, "thing": thing} for thing in things]))


def _execute(session: Session, statement: Any) -> None:
    session.execute(statement, execution_options={"synchronize_session": False})


def _oldest_first(events: Sequence[Any]) -> list[Any]:
    """Sort by version, so that a dictionary by id keeps the newest."""
    return sorted(events, key=lambda event: event.version)


def _rows_by_id(rows: dict[UUID, dict[str, Any]]) -> list[dict[str, Any]]:
    # Sorted: two overlapping batches that insert in different orders would deadlock.
    return [{"id": thing, **rows[thing]} for thing in sorted(rows)]


def _values_of(session: Session, events: Sequence[Any]) -> Mapping[str, int]:
    return load_values(session, {event.category for event in events})


def _need_columns(event: Event, values: Mapping[str, int]) -> dict[str, Any]:
    stated: Any = event
    value = value_of(values[stated.category], stated.quantity)
    return {"region": stated.region, "quantity": stated.quantity, "value": value, "version": 0}


def _end_columns(event: NeedEnd) -> dict[str, Any]:
    ended_at: datetime
    if isinstance(event, NeedRejected):
        state, ended_at = "rejected", event.rejected_at
    elif isinstance(event, NeedWithdrawn):
        state, ended_at = "withdrawn", event.withdrawn_at
    elif isinstance(event, NeedExpired):
        state, ended_at = "expired", event.expired_at
    elif isinstance(event, NeedMet):
        state, ended_at = "met", event.met_at
    else:
        state, ended_at = "met_elsewhere" if event.reason == "met_elsewhere" else "closed", event.closed_at
    return {"state": state, "ended_on": day_of(ended_at), "version": event.version}
