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
from users.accounts.actions import register_account
from users.households import events
from users.households.model import Household
from users.problems import household_registered
from users.regions.rules import find_region_problem
from users.unique import insert_unique


def register_household(session: Session, caller: Caller, wanted: Mapping[str, Any]) -> Household:
    """Register a household in a village that the caller manages; with a phone it gets an account of its own."""
    if problem := find_region_problem(caller, wanted["region"]):
        raise problem
    standing = session.scalars(select(Household).where(Household.national_id_fingerprint == fingerprint(wanted["national_id"]))).first()
    if standing:
        raise household_registered(where=f" ({standing.region}, {standing.id})" if caller.manages(standing.region) else "")
    account = register_account(session, {**wanted, "kind": "household"}) if "phone" in wanted else None
    household = new_household(wanted, account.id if account else None, caller.id)
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
