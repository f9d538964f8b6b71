"""Registering households where they live."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from chassis.data.database import new_id
from chassis.data.encryption import fingerprint
from chassis.http.auth import Caller
from chassis.messaging import outbox
from contracts.users import HouseholdRegistered
from users.actions.accounts import register_account
from users.actions.unique import keep
from users.model import Household
from users.problems import household_registered, outside_region


def register_household(session: Session, caller: Caller, wanted: Mapping[str, Any]) -> Household:
    """An administrator enters a household in its village's register, with an account of its own when a phone is given."""
    if not caller.manages(wanted["region"]):
        raise outside_region()
    standing = session.scalars(select(Household).where(Household.national_id_fingerprint == fingerprint(wanted["national_id"]))).first()
    if standing:
        raise household_registered(where=f" ({standing.region}, {standing.id})" if caller.manages(standing.region) else "")
    account = register_account(session, {**wanted, "kind": "household"}) if "phone" in wanted else None
    household = new_household(wanted, account.id if account else None, caller.id)
    keep(session, household)
    outbox.add(session, registered(household))
    return household


def new_household(wanted: Mapping[str, Any], account_id: UUID | None, registered_by: UUID | None) -> Household:
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


def registered(household: Household) -> HouseholdRegistered:
    """What is told of a household that has been written."""
    return HouseholdRegistered(
        version=household.version,
        household_id=household.id,
        account_id=household.account_id,
        region=household.region,
        status=household.status,
        registered_by=household.registered_by,
        registered_at=household.registered_at,
    )
