"""Snapshots for republishing: erasures, changed regions, accounts, offices, the register by its versions, points. Endings come first."""

from sqlalchemy import select

from chassis.messaging.snapshots import Snapshot
from contracts.users import (
    AdministratorAppointed,
    AdministratorDismissed,
    AppointmentOffered,
    AuditorAppointed,
    AuditorDismissed,
    CodeRequested,
    HandoverPlaceChanged,
    HelperAssigned,
    HelperReleased,
    HouseholdChanged,
    HouseholdEnded,
    HouseholdMoved,
    HouseholdRegistered,
    HouseholdTransferRequested,
    InstitutionEnded,
    InstitutionRegistered,
    OfficialRegistered,
    OrganisationVerificationEnded,
    OrganisationVerified,
    PersonErased,
    PlaceChanged,
    PlaceChangeProposed,
    RegionListed,
    RegionSucceeded,
    SelfReportOpened,
    SessionEnded,
    SignInEnded,
    UserRegistered,
)
from users.accounts.events import OFFICIALS, user_registered
from users.accounts.model import Account
from users.appointments.events import appointed, appointment_offered, dismissed
from users.appointments.model import Appointment
from users.appointments.queries import IN_STATE
from users.codes.events import code_requested
from users.codes.model import CodeRequest
from users.erasure.events import person_erased
from users.erasure.model import Erasure
from users.handovers.events import handover_place_changed
from users.handovers.model import Handover
from users.helpers.events import helper_assigned, helper_released
from users.helpers.model import Assignment
from users.households.events import household_changed, household_ended, household_moved, household_registered, transfer_requested
from users.households.model import Household, HouseholdVersion, Transfer
from users.households.rules import REGISTERING
from users.institutions.events import institution_ended, institution_registered
from users.institutions.model import Institution
from users.organisations.events import organisation_verification_ended, organisation_verified
from users.organisations.model import Organisation
from users.places.events import place_change_proposed, place_changed
from users.places.model import Place
from users.regions.events import region_listed, region_succeeded
from users.regions.model import RegionChange
from users.self_reports.events import self_report_opened
from users.self_reports.model import SelfReport
from users.sessions.events import session_ended, sign_in_ended
from users.sessions.model import SignIn

_OF_STAFF = SignIn.account_id.in_(select(Account.id).where(Account.kind == "staff"))

_IS_LAST = HouseholdVersion.id.in_(
    select(HouseholdVersion.id).join(Household).where(Household.ended_at.is_not(None), HouseholdVersion.version == Household.version)
)
_HAS_CHANGED = HouseholdVersion.act.not_in(REGISTERING) & (HouseholdVersion.version > 1)
_HAS_MOVED = HouseholdVersion.former_region.is_not(None)
_BEGAN, _ENDED = Appointment.began_at.is_not(None), Appointment.dismissed_at.is_not(None)
WITH_SIZES = 2
"""The edition of the events of households that state their size."""

SNAPSHOTS = (
    Snapshot(PersonErased, Erasure, person_erased, where=Erasure.erased_at.is_not(None)),
    Snapshot(RegionSucceeded, RegionChange, region_succeeded, where=RegionChange.valid_until.is_not(None)),
    Snapshot(RegionListed, RegionChange, region_listed, where=RegionChange.valid_until.is_(None)),
    Snapshot(SessionEnded, SignIn, session_ended, where=SignIn.ended_at.is_not(None) & _OF_STAFF),
    Snapshot(SignInEnded, SignIn, sign_in_ended, where=SignIn.ended_at.is_not(None) & ~_OF_STAFF),
    Snapshot(CodeRequested, CodeRequest, code_requested),
    Snapshot(AdministratorDismissed, Appointment, dismissed, where=_BEGAN & (Appointment.role == "administrator") & _ENDED),
    Snapshot(AuditorDismissed, Appointment, dismissed, where=_BEGAN & (Appointment.role == "auditor") & _ENDED),
    Snapshot(AdministratorAppointed, Appointment, appointed, where=_BEGAN & (Appointment.role == "administrator")),
    Snapshot(AuditorAppointed, Appointment, appointed, where=_BEGAN & (Appointment.role == "auditor")),
    Snapshot(AppointmentOffered, Appointment, appointment_offered, where=IN_STATE["offered"]),
    Snapshot(HelperReleased, Assignment, helper_released, where=Assignment.released_at.is_not(None)),
    Snapshot(HelperAssigned, Assignment, helper_assigned),
    Snapshot(OrganisationVerificationEnded, Organisation, organisation_verification_ended, where=Organisation.ended_at.is_not(None)),
    Snapshot(OrganisationVerified, Organisation, organisation_verified, where=Organisation.verified_at.is_not(None)),
    Snapshot(UserRegistered, Account, user_registered, where=Account.kind.not_in(OFFICIALS)),
    Snapshot(OfficialRegistered, Account, user_registered, where=Account.kind.in_(OFFICIALS)),
    Snapshot(SelfReportOpened, SelfReport, self_report_opened, where=SelfReport.opened_at.is_not(None)),
    Snapshot(HouseholdEnded, HouseholdVersion, household_ended, where=_IS_LAST),
    Snapshot(HouseholdMoved, HouseholdVersion, household_moved, where=_HAS_MOVED & ~_IS_LAST, edition=WITH_SIZES),
    Snapshot(HouseholdChanged, HouseholdVersion, household_changed, where=_HAS_CHANGED & ~_HAS_MOVED & ~_IS_LAST, edition=WITH_SIZES),
    Snapshot(HouseholdRegistered, Household, household_registered, edition=WITH_SIZES),
    Snapshot(PlaceChanged, Place, place_changed, where=Place.published_version.is_not(None)),
    Snapshot(PlaceChangeProposed, Place, place_change_proposed, where=Place.proposal_id.is_not(None)),
    Snapshot(HandoverPlaceChanged, Handover, handover_place_changed, where=Handover.told_at.is_not(None)),
    Snapshot(HouseholdTransferRequested, Transfer, transfer_requested, where=Transfer.state == "waiting"),
    Snapshot(InstitutionEnded, Institution, institution_ended, where=Institution.ended_at.is_not(None)),
    Snapshot(InstitutionRegistered, Institution, institution_registered),
)
