"""Rules for the recipients of an event, and for the facts that each side is shown."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

import msgspec

from contracts.event import Event
from contracts.matching import Reason
from contracts.notices import ADMINISTRATORS, FORMER_PLACE, HOUSEHOLD, ITSELF, VERIFIERS, NoticeTemplate, by_event
from notify.model import IN_APP, OUTSIDE

Managers = Mapping[str, set[UUID]]
"""Administrators in office, by the region of their appointment."""

GIVER, ADMINISTRATOR = "giver", "administrator"
LEVELS = dict(zip(ADMINISTRATORS, (12, 6, 4), strict=True)) | {FORMER_PLACE: 12}
"""The longest region code at each level of administrators, in digits."""
TOWN = 9


def notices_of(event: Event, managers: Managers) -> Iterator[dict[str, Any]]:
    """Make one notice for each recipient of an event."""
    for template in by_event()[type(event)]:
        if not template.applies_to(event):
            continue
        facts = {name: shown_value(getattr(event, name), name, template.side) for name in template.facts}
        for recipient_id, role in sorted(recipients_of(template, event, managers).items()):
            has_app = not (template.side == "household" and is_without_app(event, recipient_id))
            if not has_app and template.urgency == "low":
                continue
            yield {
                "recipient_id": recipient_id,
                "kind": template.kind,
                "side": template.side,
                "about": event.subject,
                "about_version": event.version,
                "facts": facts | role,
                "urgency": template.urgency,
                "region": getattr(event, "region", None),
                "has_app": has_app,
                "channel": IN_APP if has_app else OUTSIDE,
                "state": "delivered" if has_app else "created",
            }


def announcements_of(event: Event) -> Iterator[dict[str, Any]]:
    """Make what offices are told of an event, each kind once, whoever its administrators are."""
    for template in by_event()[type(event)]:
        if template.side == ADMINISTRATOR and template.applies_to(event):
            facts = {name: shown_value(getattr(event, name), name, template.side) for name in template.facts}
            about = {"about": event.subject, "about_version": event.version}
            yield about | {"kind": template.kind, "side": template.side, "facts": facts, "region": getattr(event, "region", None)}


def recipients_of(template: NoticeTemplate, event: Any, managers: Managers) -> dict[UUID, dict[str, bool]]:
    """Find the recipients of a notice; each has further facts, such as whether they act on behalf of a household."""
    never = ids_in(event, template.without)
    seldom = ids_in(event, template.unless_alone)
    found: dict[UUID, dict[str, bool]] = {}
    for recipient in template.to:
        if recipient == HOUSEHOLD:
            found |= household_of(event, managers)
        elif recipient == ITSELF:
            found |= {event.account_id or event.household_id: {"on_behalf": False}}
        elif recipient == VERIFIERS:
            found |= {verifier: {} for verifier in verifiers_for(event.region, never, managers)}
        elif recipient in LEVELS:
            region = (event.former_region if recipient == FORMER_PLACE else event.region)[: LEVELS[recipient]]
            deciders = deciders_for(region, never | seldom, managers) or deciders_for(region, never, managers)
            found |= {decider: {} for decider in deciders}
        elif account_id := getattr(event, recipient):
            found[account_id] = {}
    return {recipient_id: role for recipient_id, role in found.items() if recipient_id not in never}


def household_of(event: Any, managers: Managers) -> dict[UUID, dict[str, bool]]:
    """Find the household's own account, or else the household itself, and its agents if somebody else posted for it."""
    itself = event.account_id or getattr(event, "household_id", None)
    people = {itself: {"on_behalf": False}} if itself else {}
    if event.poster_id != event.account_id:
        people = {agent: {"on_behalf": True} for agent in agents_for(event.region, event.poster_id, managers)} | people
    return people


def is_without_app(event: Any, recipient_id: UUID) -> bool:
    """Tell whether a recipient is a household without an account, which hears by messages alone."""
    return getattr(event, "account_id", recipient_id) is None and recipient_id == getattr(event, "household_id", None)


def agents_for(region: str, poster_id: UUID, managers: Managers) -> set[UUID]:
    """Find who speaks for a household: the poster while they manage the region, else the nearest managers.

    The poster stays the agent where no manager is known.
    """
    around = [managers[managed] for managed in regions_around(region, managers)]
    if not around or any(poster_id in known for known in around):
        return {poster_id}
    return around[0]


def deciders_for(region: str, passed_over: Collection[UUID], managers: Managers) -> set[UUID]:
    """Find the nearest managers of a region who may decide there; the set is empty where nobody may."""
    around = regions_around(region, managers)
    return next((free for managed in around if (free := managers[managed] - set(passed_over))), set())


def verifiers_for(region: str, passed_over: Collection[UUID], managers: Managers) -> set[UUID]:
    """Find who may verify a need of a region: the township's administrators, or the nearest ones where the township has none."""
    of_town = managers.get(region[:TOWN], set()) - set(passed_over)
    return of_town or deciders_for(region, passed_over, managers)


def regions_around(region: str, managers: Managers) -> list[str]:
    """List the managed regions that hold a region, the nearest first."""
    return sorted((managed for managed in managers if region.startswith(managed)), key=len, reverse=True)


def ids_in(event: Event, fields: Iterable[str]) -> set[UUID]:
    """Collect the ids in these fields of an event; a field may hold one id, a list of them or none."""
    values = (getattr(event, field) for field in fields)
    return {one for value in values if value is not None for one in (value if isinstance(value, list) else [value])}


def shown_value(value: Any, name: str, side: str) -> Any:
    """Reduce a fact to what a side may see: givers learn no village, and nobody sees the figures of a proposal's reasons."""
    if name == "region" and side == GIVER:
        return value[:TOWN]
    if isinstance(value, list):
        return [one.code if isinstance(one, Reason) else msgspec.to_builtins(one) for one in value]
    return msgspec.to_builtins(value)
