"""Answers about households: whole for the household and its village's own administrator, masked for those above."""

import json
from collections.abc import Sequence
from typing import Any

from marshmallow import fields
from sqlalchemy.orm import Session

from chassis.http.auth import Caller
from chassis.http.fields import AllowedOperations, Choice, Schema
from chassis.http.shown import note_shown
from users.fields import ALL_HOUSEHOLD_ENDINGS, PHONE_KINDS, SEXES, STATUSES
from users.households import queries, rules
from users.households.model import Household, HouseholdVersion, Reveal
from users.personal import mask_name, mask_national_id, mask_phone, national_phone, read_birth, read_sex

VIEWS = {
    "own": ("本户", "the household itself: whole"),
    "village": ("本村管理员", "its village's own administrator: whole"),
    "region": ("上级", "those above: masked"),
}
PURPOSES = {
    "visit": ("入户走访", "a visit"),
    "verification": ("核实情况", "verifying what is stated"),
    "delivery": ("送达物资", "bringing help"),
    "emergency": ("紧急救助", "an emergency"),
    "complaint": ("处理投诉或异议", "a complaint or an objection"),
    "audit": ("审计检查", "an audit"),
}
MASKED = "**"


class HouseholdOut(Schema):
    """A household. `shown` says how: `own` and `village` whole; `region` masks name, number, telephone and leaves the address out."""

    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    shown = Choice(VIEWS, required=True)
    name = fields.String(required=True)
    national_id = fields.String(required=True)
    birth_year = fields.Integer(required=True, metadata={"description": "of the head; tells households of one surname apart"})
    sex = Choice(SEXES, required=True, metadata={"description": "of the head"})
    status = Choice(STATUSES, required=True)
    region = fields.String(required=True)
    address = fields.String(required=True, allow_none=True)
    size = fields.Integer(required=True, allow_none=True, metadata={"description": "as stated, at least its head and known members"})
    account_id = fields.UUID(required=True, allow_none=True)
    contact_phone = fields.String(required=True, allow_none=True, metadata={"description": "noted by its village"})
    phone_kind = Choice(
        PHONE_KINDS,
        required=True,
        allow_none=True,
        metadata={"description": "`shared` also where another household of the caller's regions has the same telephone"},
    )
    registered_by = fields.UUID(required=True, allow_none=True)
    registered_at = fields.AwareDateTime(required=True)
    ended_at = fields.AwareDateTime(required=True, allow_none=True)
    ended_because = Choice(ALL_HOUSEHOLD_ENDINGS, required=True, allow_none=True)
    merged_into = fields.UUID(required=True, allow_none=True)
    allowed = AllowedOperations()


class VersionOut(Schema):
    """A version of a household."""

    id = fields.UUID(required=True)
    household_version = fields.Integer(required=True)
    act = fields.String(required=True, metadata={"description": "the operation (`operationId`) that made it, or the import"})
    reason = fields.String(required=True, allow_none=True)
    note = fields.String(required=True, allow_none=True)
    changed_by = fields.UUID(required=True, allow_none=True)
    changed_at = fields.AwareDateTime(required=True)
    region = fields.String(required=True)
    fields_changed = fields.List(fields.String(), required=True)
    before = fields.Dict(required=True, allow_none=True, metadata={"description": "values before; null where the household is masked"})
    after = fields.Dict(required=True, allow_none=True, metadata={"description": "values after; null where the household is masked"})


class LookOut(Schema):
    """A look at the data of somebody that are masked otherwise."""

    id = fields.UUID(required=True)
    revealed_by = fields.UUID(required=True)
    revealed_at = fields.AwareDateTime(required=True)
    purpose = Choice(PURPOSES, required=True)
    reason = fields.String(required=True)


class RevealOut(LookOut):
    """A look at the data of a household that are masked otherwise, with the parts of it that were shown too."""

    parts = fields.List(fields.String(), required=True)


def household_out(session: Session, household: Household, caller: Caller, *, revealed: bool = False) -> dict[str, Any]:
    """Show one household to the caller."""
    [shown] = households_out(session, [household], caller, revealed=revealed)
    return shown


def households_out(session: Session, households: Sequence[Household], caller: Caller, *, revealed: bool = False) -> list[dict[str, Any]]:
    """Show households to the caller: whole where they are the household or its village's administrator, or when revealed."""
    members, phones = queries.count_members(session, households), queries.count_phones(session, caller, households)
    return [
        _household_out(household, caller, members.get(household.id, 0), phones.get(household.contact_phone_fingerprint or b"", 0), revealed)
        for household in households
    ]


def versions_out(page: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Show a page of a household's versions."""
    household: Household = page.pop("household")
    is_whole = note_household(household, caller)
    return page | {"items": [version_out(row, is_whole=is_whole) for row in page["items"]]}


def reveals_out(page: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Show a page of the looks at a household."""
    household: Household = page.pop("household")
    note_household(household, caller)
    rows: Sequence[Reveal] = page["items"]
    return page | {"items": [{name: getattr(row, name) for name in RevealOut.names()} for row in rows]}


def note_household(household: Household, caller: Caller, *, revealed: bool = False) -> bool:
    """Note in the audit log that the caller is shown a household; return whether they see it whole."""
    is_whole = revealed or rules.view_of(caller, household) != "region"
    people = [household.account_id or household.id]
    note_shown(caller, "household", household.id, people=people, region=household.region, masked=not is_whole)
    return is_whole


def _household_out(household: Household, caller: Caller, members: int, same_phone: int, revealed: bool) -> dict[str, Any]:
    is_whole = note_household(household, caller, revealed=revealed)
    number, phone = household.national_id, household.contact_phone
    made = {
        "shown": rules.view_of(caller, household),
        "name": household.name if is_whole else mask_name(household.name),
        "national_id": number if is_whole else mask_national_id(number),
        "birth_year": read_birth(number).year,
        "sex": read_sex(number),
        "address": household.address if is_whole else MASKED if household.address else None,
        "contact_phone": None if phone is None else national_phone(phone) if is_whole else mask_phone(phone),
        "phone_kind": "shared" if phone and rules.is_shared(household.phone_kind, same_phone) else household.phone_kind,
        "size": rules.shown_size(household.size, members),
        "allowed": rules.acts_on_household(caller, household),
    }
    return {name: getattr(household, name) for name in HouseholdOut.names() if name not in made} | made


def version_out(row: HouseholdVersion, *, is_whole: bool) -> dict[str, Any]:
    """Show a version of a household, with its values where the household is shown whole."""
    changed = json.loads(row.changed) if is_whole and row.changed else {}
    made = {
        "household_version": row.version,
        "note": row.note if is_whole else None,
        "fields_changed": row.fields,
        "before": {name: before for name, (before, _) in changed.items()} if is_whole else None,
        "after": {name: after for name, (_, after) in changed.items()} if is_whole else None,
    }
    return {name: getattr(row, name) for name in VersionOut.names() if name not in made} | made
