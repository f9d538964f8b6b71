"""Versions of a household: every change is written down with who made it and why, and published."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.data.database import new_id, now
from chassis.data.new_rows import insert_rows, new_row
from chassis.messaging import outbox
from users.households import claims, events
from users.households.model import Household, HouseholdVersion
from users.households.queries import count_members
from users.households.rules import event_of_act, published_size

OF_HOUSEHOLD = ("name", "national_id", "status", "region", "contact_phone", "phone_kind", "address", "size", "account_id")
"""The attributes of a household whose values a version compares."""


@dataclass(frozen=True)
class Why:
    """The reason of a change: a word of a closed list, and a note in words."""

    reason: str | None = None
    note: str | None = None

    @classmethod
    def of(cls, wanted: Mapping[str, Any]) -> "Why":
        """Take the reason and the note of a request."""
        return cls(wanted.get("reason"), wanted.get("note"))


def values_of(household: Household) -> dict[str, Any]:
    """Return the values that a later version is compared with."""
    return {name: getattr(household, name) for name in OF_HOUSEHOLD}


def add_first_versions(session: Session, households: Iterable[Household], act: str, by: UUID | None) -> None:
    """Write the first version of new households, which are written already, and publish them."""
    made = list(households)
    _set_published_sizes(session, made)
    session.add_all(HouseholdVersion(**_values_of_version(household, act, by, Why())) for household in made)
    session.flush()
    outbox.add(session, *map(events.household_registered, made))


def insert_households(session: Session, households: Sequence[Any], act: str, by: UUID | None) -> None:
    """Write many new households, made by `new_row`, with their first versions, and publish them."""
    insert_rows(session, Household, households)
    insert_rows(session, HouseholdVersion, [new_row(HouseholdVersion, **_values_of_version(one, act, by, Why())) for one in households])
    outbox.add(session, *map(events.household_registered, households))


def add_version(
    session: Session,
    household: Household,
    act: str,
    by: UUID | None,
    *,
    before: Mapping[str, Any],
    why: Why = Why(),
    more: Mapping[str, tuple[Any, Any]] | None = None,
) -> HouseholdVersion:
    """Write the next version of a locked household that was changed, and publish it.

    `before` are its values of before; `more` are further changes, such as those of a member, as values before and after.
    """
    after = values_of(household)
    changed = {name: (value, after[name]) for name, value in before.items() if value != after[name]} | dict(more or {})
    household.version += 1
    _set_published_sizes(session, [household])
    row = HouseholdVersion(**_values_of_version(household, act, by, why))
    row.fields = sorted(changed)
    row.changed = json.dumps(changed, ensure_ascii=False, default=str) if changed else None
    row.former_region = before["region"] if before.get("region", household.region) != household.region else None
    kind = event_of_act(act, has_moved=row.former_region is not None, has_ended=household.ended_at is not None)
    if kind == "registered":
        household.registered_version = household.version
    session.add(row)
    session.flush()
    claims.void_transfers(session, household.id)
    outbox.add(session, events.EVENTS[kind](household, row))
    return row


def _set_published_sizes(session: Session, households: Sequence[Household]) -> None:
    """Set the sizes that the next events state; a household that ended has none."""
    members = count_members(session, households)
    for household in households:
        size = published_size(household.size, members.get(household.id, 0))
        household.published_size = size if household.ended_at is None else None


def _values_of_version(household: Household, act: str, by: UUID | None, why: Why) -> dict[str, Any]:
    return {
        "id": new_id(),
        "household_id": household.id,
        "version": household.version,
        "act": act,
        "reason": why.reason,
        "note": why.note,
        "changed_by": by,
        "changed_at": now(),
        "account_id": household.account_id,
        "region": household.region,
        "former_region": None,
        "status": household.status,
        "size": household.published_size,
        "merged_into": household.merged_into,
        "fields": [],
        "changed": None,
    }
