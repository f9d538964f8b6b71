"""Events of households, made from their rows and versions: when something changes, and whenever it is published again."""

from collections.abc import Callable, Mapping
from typing import cast

from contracts.event import Event
from contracts.users import (
    HouseholdChanged,
    HouseholdEnded,
    HouseholdEnding,
    HouseholdMoved,
    HouseholdRegistered,
    HouseholdTransferRequested,
)
from users.households.model import Household, HouseholdVersion, Transfer


def household_registered(household: Household) -> HouseholdRegistered:
    """Make the event of a household that was entered, or that has another account since."""
    return HouseholdRegistered(
        version=household.registered_version,
        household_id=household.id,
        account_id=household.account_id,
        region=household.region,
        status=household.status,
        size=household.published_size,
        registered_by=household.registered_by,
        registered_at=household.registered_at,
    )


def household_changed(row: HouseholdVersion) -> HouseholdChanged:
    """Make the event of a version that corrected or completed a household."""
    return HouseholdChanged(
        version=row.version,
        household_id=row.household_id,
        account_id=row.account_id,
        region=row.region,
        status=row.status,
        size=row.size,
        changed_by=row.changed_by,
        changed_at=row.changed_at,
    )


def household_moved(row: HouseholdVersion) -> HouseholdMoved:
    """Make the event of a version with another village. Raises ValueError for any other."""
    if row.former_region is None:
        raise ValueError("the household did not move")
    return HouseholdMoved(
        version=row.version,
        household_id=row.household_id,
        account_id=row.account_id,
        region=row.region,
        former_region=row.former_region,
        status=row.status,
        size=row.size,
        moved_by=row.changed_by,
        moved_at=row.changed_at,
    )


def household_ended(row: HouseholdVersion) -> HouseholdEnded:
    """Make the event of a household's last version."""
    return HouseholdEnded(
        version=row.version,
        household_id=row.household_id,
        account_id=row.account_id,
        region=row.region,
        reason=cast("HouseholdEnding", row.reason),
        merged_into=row.merged_into,
        ended_by=row.changed_by,
        ended_at=row.changed_at,
    )


def transfer_requested(transfer: Transfer) -> HouseholdTransferRequested:
    """Make the event of a request to hand somebody over, with its first version even if it was decided since."""
    return HouseholdTransferRequested(
        version=1,
        transfer_id=transfer.id,
        household_id=transfer.household_id,
        region=transfer.region,
        requested_at=transfer.requested_at,
    )


EVENTS: Mapping[str, Callable[[Household, HouseholdVersion], Event]] = {
    "registered": lambda household, _: household_registered(household),
    "changed": lambda _, row: household_changed(row),
    "moved": lambda _, row: household_moved(row),
    "ended": lambda _, row: household_ended(row),
}
"""The maker of each kind of event, by the words of `rules.event_of_act`."""
