"""Whom an event concerns, on which side they stand, and what each side is told of it."""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

import msgspec

from contracts.event import Event, name_of
from contracts.matching import (
    AppealDecided,
    AppealLodged,
    DisputeAnswered,
    DisputeOpened,
    DisputeRaised,
    DisputeReminded,
    DisputeSettled,
    MatchAccepted,
    MatchClosed,
    MatchDeclined,
    MatchLapsed,
    MatchNeedEnded,
    MatchProposed,
    MatchReceived,
    MatchRefused,
    MatchReminded,
    MatchRevised,
    MatchSent,
    PledgeReleased,
    ThanksGiven,
    ThanksRefused,
    ThanksWritten,
)
from contracts.needs import NeedClosed, NeedPublished, NeedRejected, NeedWithdrawn
from notify.agents import agents_for
from notify.deciders import CITY, COUNTY, deciders_for

GIVER, HOUSEHOLD, ADMINISTRATOR = "giver", "household", "administrator"

_NEED = ("region", "category", "unit", "quantity")
_MATCH = ("need_id", *_NEED)
_DISPUTE = ("match_id", *_MATCH, "side", "cause")
_RECEIVED = ("sent", "received", "difference")

FACTS: dict[type[Event], dict[str, tuple[str, ...]]] = {
    NeedPublished: {HOUSEHOLD: (*_NEED, "urgency")},
    NeedRejected: {HOUSEHOLD: (*_NEED, "reason")},
    NeedWithdrawn: {HOUSEHOLD: _NEED},
    NeedClosed: {HOUSEHOLD: (*_NEED, "reason")},
    MatchProposed: {GIVER: (*_MATCH, "pledge_id", "reasons", "answer_by"), HOUSEHOLD: (*_MATCH, "answer_by")},
    MatchReminded: {GIVER: (*_MATCH, "pledge_id", "answer_by")},
    MatchAccepted: {GIVER: (*_MATCH, "pledge_id", "chosen"), HOUSEHOLD: (*_MATCH, "chosen")},
    MatchRefused: {GIVER: (*_MATCH, "pledge_id", "reason"), HOUSEHOLD: _MATCH},
    MatchDeclined: {GIVER: (*_MATCH, "pledge_id", "reason", "was_accepted"), HOUSEHOLD: (*_MATCH, "reason")},
    MatchLapsed: {GIVER: (*_MATCH, "pledge_id", "reason"), HOUSEHOLD: (*_MATCH, "reason")},
    MatchRevised: {HOUSEHOLD: _MATCH},
    MatchNeedEnded: {GIVER: (*_MATCH, "pledge_id", "reason"), HOUSEHOLD: (*_MATCH, "reason")},
    MatchSent: {GIVER: (*_MATCH, "pledge_id", "sent"), HOUSEHOLD: (*_MATCH, "sent")},
    MatchReceived: {GIVER: (*_MATCH, "pledge_id", *_RECEIVED), HOUSEHOLD: (*_MATCH, *_RECEIVED)},
    MatchClosed: {GIVER: (*_MATCH, "pledge_id", "reason", "received"), HOUSEHOLD: (*_MATCH, "reason", "received")},
    ThanksWritten: {ADMINISTRATOR: ("match_id", *_MATCH)},
    ThanksGiven: {GIVER: (*_MATCH, "with_photo"), HOUSEHOLD: _MATCH},
    ThanksRefused: {HOUSEHOLD: (*_MATCH, "reason")},
    DisputeOpened: {GIVER: _DISPUTE, HOUSEHOLD: _DISPUTE, ADMINISTRATOR: _DISPUTE},
    DisputeAnswered: {GIVER: (*_DISPUTE, "outcome"), HOUSEHOLD: (*_DISPUTE, "outcome")},
    DisputeRaised: dict.fromkeys((GIVER, HOUSEHOLD, ADMINISTRATOR), (*_DISPUTE, "unanswered", "decide_by")),
    DisputeReminded: {ADMINISTRATOR: (*_DISPUTE, "decide_by", "overdue")},
    DisputeSettled: {GIVER: (*_DISPUTE, "outcome", "by_county"), HOUSEHOLD: (*_DISPUTE, "outcome", "by_county")},
    AppealLodged: {ADMINISTRATOR: ("match_id", *_MATCH, "mark")},
    AppealDecided: {GIVER: (*_MATCH, "mark", "outcome"), HOUSEHOLD: (*_MATCH, "mark", "outcome")},
    PledgeReleased: {GIVER: ("category", "unit", "withdrawn", "resting", "accepted", "open", "answers")},
}
"""Which sides hear of an event, and which of its fields each is shown: never who the others are, nor why a giver declined.

Of a proposal that is revised the giver hears once, by the new one."""


def notices_of(event: Event, managers: Mapping[str, set[UUID]]) -> Iterator[dict[str, Any]]:
    """One notice for each person concerned; `managers` are those in office, by the region of their appointment."""
    for side, names in FACTS[type(event)].items():
        for recipient_id, own in _people(event, side, managers):
            yield {
                "recipient_id": recipient_id,
                "kind": _kind_of(event),
                "side": side,
                "about": event.subject,
                "about_version": event.version,
                "facts": {name: _shown(event, name, side) for name in names} | own,
            }


def _kind_of(event: Event) -> str:
    """Named as the event; but who has not read yet that something is due soon is told all the same when it is overdue."""
    return "dispute_overdue" if isinstance(event, DisputeReminded) and event.overdue else name_of(type(event))


def _people(event: Any, side: str, managers: Mapping[str, set[UUID]]) -> list[tuple[UUID, dict[str, bool]]]:
    """The pledger; or the household's own account, if it has one, and who speaks for it if another posted; who appealed."""
    if isinstance(event, AppealDecided):
        return [(event.appellant_id, {})] if event.side == side else []
    if side == ADMINISTRATOR:
        return [(one, {}) for one in sorted(_deciders(event, managers))]
    if side == GIVER:
        return [(event.pledger_id, {})]
    people = [(event.account_id, {"on_behalf": False})] if event.account_id else []
    if event.poster_id != event.account_id:
        people += [(agent, {"on_behalf": True}) for agent in sorted(agents_for(event.region, event.poster_id, managers))]
    # Nobody needs to be told what they did themselves.
    return [one for one in people if one[0] != event.withdrawn_by] if isinstance(event, NeedWithdrawn) else people


def _deciders(event: Any, managers: Mapping[str, set[UUID]]) -> set[UUID]:
    if isinstance(event, ThanksWritten):
        # Who wrote them releases them where nobody else could.
        return deciders_for(event.region, {event.author_id}, managers) or deciders_for(event.region, (), managers)
    region = event.region if isinstance(event, DisputeOpened) else event.region[:COUNTY]
    nearest = deciders_for(region, event.involved, managers)
    if isinstance(event, DisputeReminded) and event.overdue:
        return nearest | deciders_for(region[:CITY], event.involved, managers)
    return nearest


def _shown(event: Any, name: str, side: str) -> Any:
    value = getattr(event, name)
    if name == "region" and side == GIVER:
        return value[:9]
    if name == "reasons":
        return [reason.code for reason in value]
    return msgspec.to_builtins(value)
