"""What users tells: who takes part, and who may manage which region. Never a name, a phone or a number of a document."""

from typing import Literal
from uuid import UUID

from contracts.event import Event, Moment, Region

Kind = Literal["household", "donor", "organisation", "merchant", "volunteer", "staff"]


class UserRegistered(Event, frozen=True, kw_only=True):
    """Somebody registered, or was brought in by an import."""

    user_id: UUID
    kind: Kind
    region: Region
    campaign: str | None
    registered_at: Moment


class AdministratorAppointed(Event, frozen=True, kw_only=True):
    """Somebody manages a region and all below it from now on. `appointed_by` is empty for the first one."""

    appointment_id: UUID
    user_id: UUID
    region: Region
    appointed_by: UUID | None
    appointed_at: Moment


class AdministratorDismissed(Event, frozen=True, kw_only=True):
    """An appointment ended."""

    appointment_id: UUID
    user_id: UUID
    region: Region
    dismissed_by: UUID
    dismissed_at: Moment


class HouseholdRegistered(Event, frozen=True, kw_only=True):
    """A household stands in its village's register. `account_id` is empty when nobody of the household uses the platform."""

    household_id: UUID
    account_id: UUID | None
    region: Region
    status: str
    registered_by: UUID | None
    registered_at: Moment
