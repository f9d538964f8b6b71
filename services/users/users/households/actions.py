"""Registering households, correcting them, linking their accounts."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from chassis.data.database import new_id, now
from chassis.data.encryption import fingerprint
from chassis.data.new_rows import new_row
from chassis.http import versions as preconditions
from chassis.http.auth import Caller
from users.accounts.actions import set_region
from users.accounts.model import Account
from users.accounts.queries import find_household_account
from users.households import claims, queries, rules
from users.households.model import Household
from users.households.versions import Why, add_first_versions, add_version, values_of
from users.personal import is_landline
from users.problems import password_not_accepted, unknown_household_account
from users.regions.rules import find_region_problem
from users.unique import insert_unique


def register_household(session: Session, caller: Caller, wanted: Mapping[str, Any]) -> Household:
    """Register a household in a village that the caller manages. A phone is noted as a contact, and makes no account.

    Raises `household_registered` when its head stands in a register of the caller's regions. Somebody who stands elsewhere is registered
    all the same, and the other place is asked to hand them over. Raises `password_not_accepted` for a password, whoever chose it.
    """
    if "password" in wanted:
        raise password_not_accepted()
    if problem := find_region_problem(caller, wanted["region"]):
        raise problem
    household = new_household(wanted, None, caller.id)
    claims.require_free_number(session, caller, household.national_id_fingerprint)
    insert_unique(session, household)
    add_first_versions(session, [household], "register_household", caller.id)
    claims.request_transfers(session, caller, household, household.national_id_fingerprint)
    return household


def new_household(wanted: Mapping[str, Any], account_id: UUID | None, registered_by: UUID | None) -> Household:
    """Make a row that is not written yet. Raises `phone_kind_wrong`."""
    return Household(**_values_of(wanted, account_id, registered_by, {}))


def new_household_row(
    wanted: Mapping[str, Any], account_id: UUID | None, registered_by: UUID | None, fingerprints: Mapping[str, bytes]
) -> Any:
    """Make a row for `insert_households`, which writes many, with the known `fingerprints`. Raises `phone_kind_wrong`."""
    return new_row(Household, registered_at=now(), **_values_of(wanted, account_id, registered_by, fingerprints))


def _values_of(
    wanted: Mapping[str, Any], account_id: UUID | None, registered_by: UUID | None, known: Mapping[str, bytes]
) -> dict[str, Any]:
    phone = wanted.get("phone")
    return {
        "id": new_id(),
        "account_id": account_id,
        "name": wanted["name"],
        "national_id": wanted["national_id"],
        "national_id_fingerprint": known.get("national_id") or fingerprint(wanted["national_id"]),
        "status": wanted["status"],
        "region": wanted["region"],
        "registered_by": registered_by,
        "contact_phone": phone,
        "contact_phone_fingerprint": known.get("phone") or fingerprint(phone) if phone else None,
        "phone_kind": read_phone_kind(phone, wanted.get("phone_kind")),
        "address": wanted.get("address"),
        "size": wanted.get("size"),
        "published_size": rules.published_size(wanted.get("size"), 0),
    }


def edit_household(session: Session, caller: Caller, household_id: UUID, wanted: Mapping[str, Any]) -> Household:
    """Correct or complete a household's own facts, its telephone among them. Values that are the same change nothing.

    Raises `household_registered` and `phone_kind_wrong`; another number asks other places as registering does.
    """
    household = lock_for_act(session, caller, household_id, "edit_household")
    before = values_of(household)
    for name in wanted.keys() & {"name", "status", "address", "size"}:
        setattr(household, name, wanted[name])
    if wanted.keys() & {"phone", "phone_kind"}:
        _set_phone(household, wanted)
    is_renumbered = "national_id" in wanted and wanted["national_id"] != household.national_id
    if is_renumbered:
        set_number(session, caller, household, wanted["national_id"])
    if values_of(household) != before:
        insert_unique(session, household)
        add_version(session, household, "edit_household", caller.id, before=before, why=Why.of(wanted))
    if is_renumbered:
        claims.request_transfers(session, caller, household, household.national_id_fingerprint)
    return household


def set_number(session: Session, caller: Caller, household: Household, national_id: str) -> None:
    """Give a household's head another number. Raises `household_registered` when somebody else of the caller's regions has it."""
    key = fingerprint(national_id)
    claims.require_free_number(session, caller, key, apart_from=household.id)
    household.national_id, household.national_id_fingerprint = national_id, key


def link_household_account(session: Session, caller: Caller, wanted: Mapping[str, Any]) -> Household:
    """Link a household's account that belongs to no household yet. Raises `unknown_household_account` for any other account."""
    account = find_household_account(session, fingerprint(wanted["phone"]))
    household = lock_for_act(session, caller, wanted["household_id"], "link_household_account")
    if account is None or not caller.manages(account.region) or queries.find_household_id(session, account.id):
        raise unknown_household_account()
    before = values_of(household)
    household.account_id = account.id
    set_region(session, account.id, household.region)
    add_version(session, household, "link_household_account", caller.id, before=before, why=Why.of(wanted))
    return household


def give_account(session: Session, household: Household, account_id: UUID) -> None:
    """Note the account of a household and publish it. The household's row is locked."""
    before = values_of(household)
    household.account_id = account_id
    add_version(session, household, "prove_registration", account_id, before=before)


def take_account(session: Session, account: Account) -> None:
    """Take a closed account away from its household, if it has one, and note its phone as the household's contact."""
    household = session.scalars(select(Household).where(Household.account_id == account.id).with_for_update()).first()
    if household:
        before = values_of(household)
        household.account_id = None
        household.contact_phone, household.contact_phone_fingerprint = account.phone, account.phone_fingerprint
        household.phone_kind = read_phone_kind(account.phone, None)
        add_version(session, household, "close_claim", None, before=before)


def lock_for_act(session: Session, caller: Caller, household_id: UUID, act: str) -> Household:
    """Lock a household for an act of the caller. Raises `not_found`, `stale`, or the problem that keeps them from it."""
    household = queries.get_household(session, caller, household_id, lock=True)
    preconditions.check_if_match(session, household)
    if problem := rules.find_household_problem(act, caller, household):
        raise problem
    return household


def lock_account_of(session: Session, household_id: UUID) -> None:
    """Lock the account of a household. An act that changes both locks the account first, as proving a phone does."""
    account_id = select(Household.account_id).where(Household.id == household_id).scalar_subquery()
    session.execute(select(Account.id).where(Account.id == account_id).with_for_update())


def read_phone_kind(phone: str | None, kind: str | None) -> str | None:
    """Return the kind of a telephone, by default the household's own or a landline. Raises `phone_kind_wrong`."""
    landline = phone is not None and is_landline(phone)
    if problem := rules.find_phone_kind_problem(phone, kind, is_landline=landline):
        raise problem
    if kind is None and phone is not None:
        return "landline" if landline else "own"
    return kind


def _set_phone(household: Household, wanted: Mapping[str, Any]) -> None:
    """Set the telephone and its kind. A telephone alone has the kind of its number; the kind `none` takes the telephone away."""
    kind = wanted.get("phone_kind")
    phone = wanted.get("phone", None if kind == "none" else household.contact_phone)
    household.phone_kind = read_phone_kind(phone, kind)
    household.contact_phone, household.contact_phone_fingerprint = phone, fingerprint(phone) if phone else None
