"""The events of users: accounts, households and appointments. They hold no name, phone or number of a document."""

from typing import Literal
from uuid import UUID

from contracts.event import Event, Moment, Region

Kind = Literal["household", "donor", "organisation", "merchant", "volunteer", "staff"]


class UserRegistered(Event, frozen=True, kw_only=True):
    """Somebody registered, or an import registered them."""

    user_id: UUID
    kind: Kind
    region: Region
    campaign: str | None
    registered_at: Moment


class AdministratorAppointed(Event, frozen=True, kw_only=True):
    """Somebody manages a region and all below it from now on."""

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
    """A household was entered in its village's register."""

    household_id: UUID
    account_id: UUID | None
    region: Region
    status: str
    registered_by: UUID | None
    registered_at: Moment
