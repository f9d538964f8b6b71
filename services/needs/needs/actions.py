"""What needs can do: one function a use case; each changes rows and leaves word in the outbox, in the caller's transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import case, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.http import versions
from chassis.http.auth import Caller
from chassis.messaging import outbox
from chassis.problems import not_found
from contracts.matching import (
    MatchAccepted,
    MatchClosed,
    MatchDeclined,
    MatchLapsed,
    MatchProposed,
    MatchReceived,
    MatchRefused,
    MatchRevised,
    MatchSent,
    PledgeReleased,
)
from contracts.users import HouseholdRegistered
from needs import allowed, queries
from needs.catalogue import unit_of, units_below
from needs.model import Household, Match, Need, Pledge
from needs.problems import consent_needed, past_validity, unknown_household, unknown_item, wrong_unit
from needs.told import changed, closed, offered, published, rejected, taken_back, withdrawn

LONGEST_VALIDITY = timedelta(days=731)
AnyMatch = (
    MatchProposed | MatchAccepted | MatchRefused | MatchDeclined | MatchLapsed | MatchRevised | MatchSent | MatchReceived | MatchClosed
)


def post_need(session: Session, caller: Caller, wanted: Mapping[str, Any]) -> Need:
    """A household, or an administrator of its village on its behalf, asks for something."""
    household = _household_of(session, caller, wanted.get("household_id"))
    on_behalf = household.account_id != caller.id
    if on_behalf and not wanted.get("consent"):
        raise consent_needed()
    unit = unit_of(wanted["category"])
    if unit is None:
        raise unknown_item(category=wanted["category"])
    need = Need(
        household_id=household.id,
        account_id=household.account_id,
        poster_id=caller.id,
        consent=wanted.get("consent") if on_behalf else None,
        region=household.region,
        category=wanted["category"],
        unit=unit,
        quantity=wanted["quantity"],
        urgency=wanted["urgency"],
        reason=wanted["reason"],
    )
    session.add(need)
    session.flush()
    return need


def verify_need(session: Session, caller: Caller, need_id: UUID) -> Need:
    """An administrator other than the poster lets the need be seen and helped."""
    need = _to("verify_need", session, caller, need_id)
    need.state, need.verifier_id, need.published_at = "published", caller.id, now()
    need.version += 1
    outbox.add(session, published(need))
    session.flush()
    return need


def reject_need(session: Session, caller: Caller, need_id: UUID, reason: str) -> Need:
    """An administrator other than the poster does not let the need through, and says why."""
    need = _to("reject_need", session, caller, need_id)
    _end(need, "rejected", reason)
    need.verifier_id = caller.id
    outbox.add(session, rejected(need))
    session.flush()
    return need


def withdraw_need(session: Session, caller: Caller, need_id: UUID) -> Need:
    """The household, or who posted for it, takes the need back."""
    need = _to("withdraw_need", session, caller, need_id)
    _end(need, "withdrawn", None)
    need.withdrawn_by = caller.id
    outbox.add(session, withdrawn(need))
    session.flush()
    return need


def close_need(session: Session, caller: Caller, need_id: UUID, reason: str) -> Need:
    """An administrator of the region ends a published need, and says why."""
    need = _to("close_need", session, caller, need_id)
    _end(need, "closed", reason)
    outbox.add(session, closed(need))
    session.flush()
    return need


def offer_pledge(session: Session, caller: Caller, wanted: Mapping[str, Any]) -> Pledge:
    """Somebody is ready to give; matching hears of it at once."""
    units = units_below(wanted["category"])
    if not units:
        raise unknown_item(category=wanted["category"])
    if wanted["unit"] not in units:
        raise wrong_unit(category=wanted["category"], units=", ".join(sorted(units)))
    _check_validity(wanted["valid_until"])
    pledge = Pledge(pledger_id=caller.id, **wanted)
    session.add(pledge)
    session.flush()
    outbox.add(session, offered(pledge))
    return pledge


def change_pledge(session: Session, caller: Caller, pledge_id: UUID, wanted: Mapping[str, Any]) -> Pledge:
    """The pledger wants other figures. Matching judges what of them is still free, and answers; asking for what stands is no change."""
    pledge = _own_open_pledge(session, caller, pledge_id)
    if "valid_until" in wanted:
        _check_validity(wanted["valid_until"])
    if all(getattr(pledge, name) == value for name, value in wanted.items()):
        return pledge
    for name, value in wanted.items():
        setattr(pledge, name, value)
    pledge.version, pledge.changed_at = pledge.version + 1, now()
    outbox.add(session, changed(pledge))
    session.flush()
    return pledge


def withdraw_pledge(session: Session, caller: Caller, pledge_id: UUID) -> Pledge:
    """The pledger wants to give no more; what was accepted stays."""
    pledge = _own_open_pledge(session, caller, pledge_id)
    pledge.withdrawn = True
    pledge.version, pledge.changed_at = pledge.version + 1, now()
    outbox.add(session, taken_back(pledge))
    session.flush()
    return pledge


def note_households(session: Session, events: Sequence[HouseholdRegistered]) -> None:
    """Keep what users tells of households; an older version changes nothing."""
    newest = {event.household_id: event for event in sorted(events, key=lambda event: (event.household_id, event.version))}
    rows = insert(Household).values(
        [
            {"id": event.household_id, "version": event.version, "account_id": event.account_id, "region": event.region}
            for event in newest.values()
        ]
    )
    session.execute(
        rows.on_conflict_do_update(
            index_elements=["id"],
            set_={"version": rows.excluded.version, "account_id": rows.excluded.account_id, "region": rows.excluded.region},
            where=Household.version < rows.excluded.version,
        )
    )


def note_matches(session: Session, events: Sequence[AnyMatch]) -> None:
    """Keep how matches stand; an older version changes nothing."""
    newest = {event.match_id: event for event in sorted(events, key=lambda event: event.version)}
    rows = insert(Match).values(
        [
            {
                "id": event.match_id,
                "version": event.version,
                "need_id": event.need_id,
                "pledge_id": event.pledge_id,
                "quantity": event.quantity,
                "state": _STATES[type(event)],
                "sent": getattr(event, "sent", None),
                "received": getattr(event, "received", None),
            }
            for event in sorted(newest.values(), key=lambda event: event.match_id)
        ]
    )
    session.execute(
        rows.on_conflict_do_update(
            index_elements=["id"],
            set_={name: rows.excluded[name] for name in ("version", "quantity", "state", "sent", "received")},
            where=Match.version < rows.excluded.version,
        )
    )


def note_releases(session: Session, events: Sequence[PledgeReleased]) -> None:
    """Keep which version of a pledge matching has judged, and the quantity it came to unless another is asked for already."""
    for event in sorted(events, key=lambda event: (event.pledge_id, event.version)):
        session.execute(
            update(Pledge)
            .where(Pledge.id == event.pledge_id, Pledge.released_version < event.version)
            .values(
                released_version=event.version,
                answered_version=event.answers,
                resting=event.resting,
                quantity=case((Pledge.version == event.answers, event.quantity), else_=Pledge.quantity),
            )
        )


_STATES = {
    MatchProposed: "proposed",
    MatchAccepted: "accepted",
    MatchRefused: "refused",
    MatchDeclined: "declined",
    MatchLapsed: "lapsed",
    MatchRevised: "lapsed",
    MatchSent: "sent",
    MatchReceived: "received",
    MatchClosed: "closed",
}


def _household_of(session: Session, caller: Caller, household_id: UUID | None) -> Household:
    if caller.kind == "household":
        mine = session.scalars(select(Household).where(Household.account_id == caller.id)).first()
        if mine is None or household_id not in {None, mine.id}:
            raise unknown_household()
        return mine
    household = session.get(Household, household_id) if household_id else None
    if household is None or not caller.manages(household.region):
        raise unknown_household()
    return household


def _to(act: str, session: Session, caller: Caller, need_id: UUID) -> Need:
    """The need, locked, for somebody who may do this to it."""
    need = session.get(Need, need_id, with_for_update={"of": Need})
    if need is None or queries.shown_to(caller, need) == "public":
        raise not_found()
    versions.as_seen(session, need)
    if refusal := allowed.refusal(act, caller, need, allowed.managers_around(session, caller, [need])):
        raise refusal
    return need


def _own_open_pledge(session: Session, caller: Caller, pledge_id: UUID) -> Pledge:
    pledge = session.get(Pledge, pledge_id, with_for_update={"of": Pledge})
    if pledge is None or pledge.pledger_id != caller.id:
        raise not_found()
    versions.as_seen(session, pledge)
    if refusal := allowed.pledge_refusal(caller, pledge):
        raise refusal
    return pledge


def _end(need: Need, state: str, reason: str | None) -> None:
    need.state, need.ended_because, need.ended_at = state, reason, now()
    need.version += 1


def _check_validity(valid_until: datetime) -> None:
    if not now() < valid_until < now() + LONGEST_VALIDITY:
        raise past_validity()
