"""Events of households, made from their rows: when one is registered, and whenever it is published again."""

from contracts.users import HouseholdRegistered
from users.households.model import Household


def household_registered(household: Household) -> HouseholdRegistered:
    """Make the event of a household that was written."""
    return HouseholdRegistered(
        version=household.version,
        household_id=household.id,
        account_id=household.account_id,
        region=household.region,
        status=household.status,
        registered_by=household.registered_by,
        registered_at=household.registered_at,
    )
