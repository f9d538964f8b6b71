"""The events of users: accounts, codes, sessions, offices, helpers and households. They hold no name, phone or number of a document."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta

from contracts.event import Event, Moment, Region

Kind = Literal["household", "donor", "organisation", "merchant", "volunteer", "staff"]
OfficialKind = Literal["cadre", "work_unit"]
CodePurpose = Literal["registration", "sign_in", "password_reset", "phone_change"]
Office = Literal["administrator", "auditor"]
HelperRole = Literal["leader", "work_unit", "first_secretary", "resident_team", "agricultural_technician"]


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


class OfficialRegistered(Event, frozen=True, kw_only=True):
    """A cadre or a work unit registered: they give as government, everybody in `UserRegistered` as society."""

    user_id: UUID
    kind: OfficialKind
    region: Region
    campaign: str | None
    registered_at: Moment


class CodeRequested(Event, frozen=True, kw_only=True):
    """Somebody asked for a code that proves a phone. Only notify may fetch phone and code, when it sends them."""

    code_id: UUID
    purpose: CodePurpose
    expires_at: Moment


class AppointmentOffered(Event, frozen=True, kw_only=True):
    """Somebody was named for an office. It begins when they confirm."""

    appointment_id: UUID
    user_id: UUID
    role: Annotated[Office, Meta(description="the office that is offered")]
    region: Region
    named_by: UUID | None
    named_at: Moment


class AuditorAppointed(Event, frozen=True, kw_only=True):
    """Somebody audits a region and all below it from now on: they read what its administrators read, and its audit log."""

    appointment_id: UUID
    user_id: UUID
    region: Region
    appointed_by: UUID | None
    appointed_at: Moment


class AuditorDismissed(Event, frozen=True, kw_only=True):
    """The appointment of an auditor ended."""

    appointment_id: UUID
    user_id: UUID
    region: Region
    dismissed_by: UUID
    dismissed_at: Moment


class HelperAssigned(Event, frozen=True, kw_only=True):
    """One of the five ones answers for a village, or for one household of it, from now on."""

    assignment_id: UUID
    user_id: UUID
    role: Annotated[HelperRole, Meta(description="one of the five ones")]
    region: Region
    household_id: Annotated[UUID | None, Meta(description="the household; null when the helper answers for the whole village")]
    assigned_by: UUID
    assigned_at: Moment


class HelperReleased(Event, frozen=True, kw_only=True):
    """A helper no longer answers for a village or household."""

    assignment_id: UUID
    user_id: UUID
    region: Region
    household_id: Annotated[UUID | None, Meta(description="the household; null when the helper answered for the whole village")]
    successor_id: UUID | None
    released_by: UUID
    released_at: Moment


class OrganisationVerified(Event, frozen=True, kw_only=True):
    """An administrator confirmed that an organisation or merchant is who it says."""

    user_id: UUID
    region: Region
    verified_by: UUID
    verified_at: Moment


class OrganisationVerificationEnded(Event, frozen=True, kw_only=True):
    """An administrator took the confirmation of an organisation or merchant back."""

    user_id: UUID
    region: Region
    ended_by: UUID
    ended_at: Moment


class SessionEnded(Event, frozen=True, kw_only=True):
    """A session of a staff account ended. Its access tokens count for nothing from now on."""

    session_id: UUID
    user_id: UUID
    ended_at: Moment
