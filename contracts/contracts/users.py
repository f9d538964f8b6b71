"""The events of users: accounts, codes, sessions, offices, helpers, the register, collection points and regions.

They hold no name, phone or number of a document of a person. A collection point is an office: its name, address and telephone are public.
"""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta

from contracts.event import Category, Event, Moment, Quantity, Region, Unit

Kind = Literal["household", "donor", "organisation", "merchant", "volunteer", "staff"]
OfficialKind = Literal["cadre", "work_unit"]
CodePurpose = Literal["registration", "sign_in", "password_reset", "phone_change", "self_report", "email_change"]
Office = Literal["administrator", "auditor"]
PlaceState = Literal["open", "closed"]
HelperRole = Literal["leader", "work_unit", "first_secretary", "resident_team", "agricultural_technician"]
HouseholdEnding = Literal["died", "moved_away", "recovered", "error", "merged", "not_confirmed", "erased", "other"]
InstitutionKind = Literal["school", "clinic", "hospital", "village_committee"]
HouseholdSize = Annotated[
    Annotated[int, Meta(ge=1, le=100)] | None,
    Meta(examples=[None], description="people in the household, its head included; null while nobody has stated it"),
]


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
    size: HouseholdSize = None
    registered_by: UUID | None
    registered_at: Moment


class HouseholdChanged(Event, frozen=True, kw_only=True):
    """The register of a household was corrected or completed: its head, members, telephone, status or another entry."""

    household_id: UUID
    account_id: UUID | None
    region: Region
    status: str
    size: HouseholdSize = None
    changed_by: UUID | None
    changed_at: Annotated[Moment, Meta(description="time of the change")]


class HouseholdMoved(Event, frozen=True, kw_only=True):
    """A household lives in another village from now on. Its open needs go along."""

    household_id: UUID
    account_id: UUID | None
    region: Annotated[Region, Meta(description="the village where it lives now")]
    former_region: Annotated[Region, Meta(description="the village that it left")]
    status: str
    size: HouseholdSize = None
    moved_by: UUID | None
    moved_at: Moment


class HouseholdEnded(Event, frozen=True, kw_only=True):
    """A household left the register. Its open needs are withdrawn, or go over to the household that it was merged into."""

    household_id: UUID
    account_id: UUID | None
    region: Region
    reason: HouseholdEnding
    merged_into: Annotated[UUID | None, Meta(description="the household that it belongs to now; null unless merged")]
    ended_by: UUID | None
    ended_at: Moment


class HouseholdTransferRequested(Event, frozen=True, kw_only=True):
    """Another place registered somebody who stands in the register of `region`. Its administrators decide where they belong."""

    transfer_id: UUID
    household_id: UUID
    region: Region
    requested_at: Moment


class InstitutionRegistered(Event, frozen=True, kw_only=True):
    """A school, clinic, hospital or village committee was entered in the register, or its entry changed. Needs are posted for it too."""

    institution_id: UUID
    kind: InstitutionKind
    region: Region
    registered_by: UUID
    registered_at: Moment


class InstitutionEnded(Event, frozen=True, kw_only=True):
    """An institution left the register. Its open needs are withdrawn."""

    institution_id: UUID
    region: Region
    ended_by: UUID
    ended_at: Moment


class OfficialRegistered(Event, frozen=True, kw_only=True):
    """A cadre or a work unit registered: they give as government, everybody in `UserRegistered` as society."""

    user_id: UUID
    kind: OfficialKind
    region: Region
    campaign: str | None
    registered_at: Moment


class CodeRequested(Event, frozen=True, kw_only=True):
    """Somebody asked for a code that proves a phone, or an e-mail address (`email_change`). Only notify may fetch code and address."""

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


class SelfReportOpened(Event, frozen=True, kw_only=True):
    """Somebody reported that they need help, and their village's time to visit them and to decide began."""

    self_report_id: UUID
    region: Region
    visit_by: Moment
    decide_by: Moment
    opened_at: Moment


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


class SignInEnded(Event, frozen=True, kw_only=True):
    """A session of an account that is not staff's ended. Its streams end; its access token counts for minutes longer."""

    session_id: UUID
    user_id: UUID
    ended_at: Moment


class PlaceChanged(Event, frozen=True, kw_only=True):
    """A collection point counts from now on, or what is known of it changed. It holds everything that is public about the point."""

    place_id: UUID
    region: Region
    state: Annotated[PlaceState, Meta(description="whether the point takes goods now")]
    name: Annotated[str, Meta(min_length=1, max_length=100, description="name of the point", examples=["河沙镇便民服务中心"])]
    address: Annotated[str, Meta(min_length=1, max_length=200, description="address of the point", examples=["河沙镇新街 12 号"])]
    hours: Annotated[str, Meta(min_length=1, max_length=200, description="opening hours", examples=["周一至周五 9:00—17:00"])]
    telephone: Annotated[
        Annotated[str, Meta(max_length=20)] | None,
        Meta(description="telephone of the office; null when it has none", examples=["0825-2661234"]),
    ]
    do_not_bring: Annotated[
        str, Meta(max_length=300, description="goods that the point does not take; empty when it names none", examples=["旧衣物、药品"])
    ]
    changed_at: Annotated[Moment, Meta(description="time from which this counts")]


class PlaceChangeProposed(Event, frozen=True, kw_only=True):
    """A new point, or another name, address or telephone of a point, waits for the level above. It counts once confirmed."""

    place_id: UUID
    region: Annotated[Region, Meta(description="the region above the point, whose administrators confirm it", examples=["510903100"])]
    place_region: Annotated[Region, Meta(description="the region of the point", examples=["510903100208"])]
    proposed_by: UUID
    proposed_at: Moment


class HandoverPlaceChanged(Event, frozen=True, kw_only=True):
    """The collection point of an accepted match is another one, or has another address, telephone or other hours."""

    handover_id: UUID
    match_id: UUID
    pledger_id: UUID
    region: Region
    category: Category
    unit: Unit
    quantity: Quantity
    place_id: Annotated[UUID | None, Meta(description="the collection point that counts now; null when none is open")]
    changed_at: Annotated[Moment, Meta(description="time of the change")]


class RegionListed(Event, frozen=True, kw_only=True):
    """A division code counts, or has another name. Codes without such an event stand as in the shipped edition."""

    region_id: Annotated[UUID, Meta(description="an id made from the code, always the same")]
    code: Annotated[Region, Meta(description="the division code", examples=["510981"])]
    region_name: Annotated[str, Meta(min_length=1, max_length=100, description="its official name", examples=["射洪市"])]
    valid_from: Annotated[date, Meta(description="the first day on which the code counts under this name")]


class RegionSucceeded(Event, frozen=True, kw_only=True):
    """A division code ended. With exactly one successor, every service moves its rows there; with several or none they stay."""

    region_id: Annotated[UUID, Meta(description="an id made from the code, always the same")]
    code: Annotated[Region, Meta(description="the division code that ended", examples=["510922"])]
    region_name: Annotated[str, Meta(min_length=1, max_length=100, description="its last name", examples=["射洪县"])]
    valid_until: Annotated[date, Meta(description="the day from which the code no longer counts")]
    successors: Annotated[
        list[Region], Meta(max_length=100, description="the codes that hold its area now, of the same level", examples=[["510981"]])
    ]


class PersonErased(Event, frozen=True, kw_only=True):
    """The personal data of somebody was erased. Listeners remove free text, photos and numbers of that person, and keep ids and figures."""

    person_id: UUID
    account_id: Annotated[UUID | None, Meta(description="the account; null when the household had none")]
    household_id: Annotated[UUID | None, Meta(description="the household; null when the account belonged to none")]
    erased_at: Moment
