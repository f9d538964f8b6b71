"""Registering households."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from chassis.data.database import new_id
from chassis.data.encryption import fingerprint
from chassis.http.auth import Caller
from chassis.messaging import outbox
from users.accounts.model import Account
from users.households import events
from users.households.model import Household
from users.problems import household_registered, password_not_accepted
from users.regions.rules import find_region_problem
from users.unique import insert_unique


def register_household(session: Session, caller: Caller, wanted: Mapping[str, Any]) -> Household:
    """Register a household in a village that the caller manages. A phone is noted as a contact, and makes no account.

    Raises `password_not_accepted` for a password, whoever chose it: the household chooses its own when it has proven the phone.
    """
    if "password" in wanted:
        raise password_not_accepted()
    if problem := find_region_problem(caller, wanted["region"]):
        raise problem
    standing = session.scalars(select(Household).where(Household.national_id_fingerprint == fingerprint(wanted["national_id"]))).first()
    if standing:
        raise household_registered(where=f" ({standing.region}, {standing.id})" if caller.manages(standing.region) else "")
    household = new_household(wanted, None, caller.id)
    if "phone" in wanted:
        household.contact_phone, household.contact_phone_fingerprint = wanted["phone"], fingerprint(wanted["phone"])
    insert_unique(session, household)
    outbox.add(session, events.household_registered(household))
    return household


def new_household(wanted: Mapping[str, Any], account_id: UUID | None, registered_by: UUID | None) -> Household:
    """Make a row that is not written yet."""
    return Household(
        id=new_id(),
        account_id=account_id,
        name=wanted["name"],
        national_id=wanted["national_id"],
        national_id_fingerprint=fingerprint(wanted["national_id"]),
        status=wanted["status"],
        region=wanted["region"],
        registered_by=registered_by,
    )


def give_account(session: Session, household: Household, account_id: UUID) -> None:
    """Note the account of a household and publish it. The household's row is locked."""
    household.account_id = account_id
    household.version += 1
    session.flush()
    outbox.add(session, events.household_registered(household))


def take_account(session: Session, account: Account) -> None:
    """Take a closed account away from its household, if it has one, and note its phone as the household's contact."""
    household = session.scalars(select(Household).where(Household.account_id == account.id).with_for_update()).first()
    if household:
        household.account_id = None
        household.contact_phone, household.contact_phone_fingerprint = account.phone, account.phone_fingerprint
        household.version += 1
        session.flush()
        outbox.add(session, events.household_registered(household))
