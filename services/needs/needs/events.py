"""Events of needs and pledges, made from their rows: when an act is done, and whenever it is published again."""

from datetime import datetime
from typing import Any, cast
from uuid import UUID

from contracts.needs import (
    Closing,
    NeedClosed,
    NeedConfirmed,
    NeedMoved,
    NeedPosted,
    NeedPublished,
    NeedRejected,
    NeedReported,
    NeedReturned,
    NeedWithdrawn,
    PledgeChanged,
    PledgeOffered,
    PledgeWithdrawn,
    Rejection,
    Return,
    ReviewOverdue,
    ReviewReminded,
    Withdrawal,
)
from needs.consents.rules import BY_SMS
from needs.model import Need, Pledge


def need_posted(need: Need) -> NeedPosted:
    """Make the event of a need that waits to be verified."""
    stated = {name: getattr(need, name) for name in ("of_institution", "urgency", "posted_at", "due_at")}
    asks = need.consent == BY_SMS
    return NeedPosted(**_fields_with_unknown(need) | stated | {"version": need.stage_version, "asks_consent": asks})


def need_confirmed(need: Need) -> NeedConfirmed:
    """Make the event of a need that waits for the county, after its first step."""
    return NeedConfirmed(
        **fields_of_need(need) | {"version": need.stage_version, "due_at": need.due_at},
        urgency=need.urgency,
        posted_at=need.posted_at,
        confirmed_by=cast("UUID", need.confirmed_by),
        confirmed_at=recorded(need.confirmed_at),
    )


def need_returned(need: Need) -> NeedReturned:
    """Make the event of a need that its poster has to amend."""
    return NeedReturned(
        **_fields_with_unknown(need) | {"version": need.stage_version},
        reason=cast("Return", need.returned_because),
        returned_by=cast("UUID", need.returned_by),
        returned_at=recorded(need.returned_at),
    )


def review_reminded(need: Need) -> ReviewReminded:
    """Make the event of a waiting need whose time ends with the next working day."""
    return ReviewReminded(**_fields_of_review(need) | {"version": need.reminded_version}, reminded_at=recorded(need.reminded_at))


def review_overdue(need: Need) -> ReviewOverdue:
    """Make the event of a waiting need whose time is over."""
    return ReviewOverdue(**_fields_of_review(need) | {"version": need.overdue_version}, overdue_at=recorded(need.overdue_at))


def need_published(need: Need) -> NeedPublished:
    """Make the event with the version that the need had when it was published, even if it has ended since."""
    version = need.published_version or need.version - (1 if need.ended_at else 0)
    return NeedPublished(**fields_of_need(need) | {"version": version}, **fields_of_publication(need))


def need_moved(need: Need) -> NeedMoved:
    """Make the event of a published need that went along with its household, with the version of its last move."""
    fields = fields_of_need(need) | {"version": need.moved_version}
    return NeedMoved(**fields, **fields_of_publication(need), moved_at=recorded(need.moved_at))


def need_rejected(need: Need) -> NeedRejected:
    """Make the event of a need that was not let through."""
    return NeedRejected(**_fields_with_unknown(need), reason=cast("Rejection", need.ended_because), rejected_at=recorded(need.ended_at))


def need_withdrawn(need: Need) -> NeedWithdrawn:
    """Make the event of a need that its side took back; without a record of the person, that is the poster."""
    withdrawn_by = need.withdrawn_by or need.poster_id
    reason = cast("Withdrawal | None", need.ended_because)
    return NeedWithdrawn(**_fields_with_unknown(need), reason=reason, withdrawn_by=withdrawn_by, withdrawn_at=recorded(need.ended_at))


def need_closed(need: Need) -> NeedClosed:
    """Make the event of a need that an administrator ended."""
    return NeedClosed(**fields_of_need(need), reason=cast("Closing", need.ended_because), closed_at=recorded(need.ended_at))


def need_reported(need: Need) -> NeedReported:
    """Make the event of a need that several people reported, with the version at which it was hidden last."""
    fields = fields_of_need(need) | {"version": need.hidden_version}
    return NeedReported(**fields, hidden_at=recorded(need.hidden_at))


def pledge_offered(pledge: Pledge) -> PledgeOffered:
    """Make the first event of a pledge, version 1; published again, it has the figures of now."""
    choice: dict[str, Any] = {"pledger_kind": pledge.pledger_kind, "claims": pledge.claims, "claimed": pledge.claimed}
    return PledgeOffered(**_fields_of_pledge(pledge) | {"version": 1}, **choice)


def pledge_changed(pledge: Pledge) -> PledgeChanged:
    """Make the event of a pledge with other figures."""
    return PledgeChanged(**_fields_of_pledge(pledge), changed_at=pledge.changed_at or pledge.offered_at)


def pledge_withdrawn(pledge: Pledge) -> PledgeWithdrawn:
    """Make the event of a withdrawn pledge."""
    return PledgeWithdrawn(**_fields_of_pledge(pledge), withdrawn_at=pledge.changed_at or pledge.offered_at)


def recorded(moment: datetime | None) -> datetime:
    """Return a time that the row must hold before its event can be made. Raises `ValueError` without one."""
    if moment is None:
        raise ValueError("the row has not reached this state")
    return moment


def fields_of_publication(need: Need) -> dict[str, Any]:
    """Return what the events of a published need state about its publication."""
    stated = {name: getattr(need, name) for name in ("urgency", "posted_at", "of_institution", "charity")}
    return stated | {"published_at": recorded(need.published_at)}


def _fields_of_review(need: Need) -> dict[str, Any]:
    step = "county" if need.state == "confirmed" else "village"
    stated = {"step": step, "urgency": need.urgency, "due_at": need.due_at, "confirmed_by": need.confirmed_by}
    return _fields_with_unknown(need) | stated


def fields_of_need(need: Need) -> dict[str, Any]:
    """Return what every event of a need states. An unknown quantity is stated as 1."""
    return {
        "version": need.version,
        "need_id": need.id,
        "household_id": need.household_id,
        "account_id": need.account_id,
        "poster_id": need.poster_id,
        "region": need.region,
        "category": need.category,
        "unit": need.unit,
        "quantity": max(1, need.quantity),
    }


def _fields_with_unknown(need: Need) -> dict[str, Any]:
    """Return what an event states about a need that may not be verified yet, with whether its quantity is unknown."""
    return fields_of_need(need) | {"quantity_unknown": need.quantity == 0}


def _fields_of_pledge(pledge: Pledge) -> dict[str, Any]:
    return {
        "version": pledge.version,
        "pledge_id": pledge.id,
        "pledger_id": pledge.pledger_id,
        "kind": pledge.kind,
        "category": pledge.category,
        "unit": pledge.unit,
        "quantity": pledge.quantity,
        "region": pledge.region,
        "valid_until": pledge.valid_until,
        "offered_at": pledge.offered_at,
        "choose_until": pledge.choose_until,
        "best_before": pledge.best_before,
        "limit_per_household": pledge.limit_per_household,
    }
