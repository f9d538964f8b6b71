"""Snapshots for republishing: accounts, households and appointments. Dismissals come first."""

from sqlalchemy import select

from chassis.messaging.snapshots import Snapshot
from contracts.users import (
    AdministratorAppointed,
    AdministratorDismissed,
    AppointmentOffered,
    AuditorAppointed,
    AuditorDismissed,
    CodeRequested,
    HouseholdRegistered,
    SessionEnded,
    UserRegistered,
)
from users.accounts.events import user_registered
from users.accounts.model import Account
from users.appointments.events import appointed, appointment_offered, dismissed
from users.appointments.model import Appointment
from users.appointments.queries import IN_STATE
from users.codes.events import code_requested
from users.codes.model import CodeRequest
from users.households.events import household_registered
from users.households.model import Household
from users.sessions.events import session_ended
from users.sessions.model import SignIn

_OF_STAFF = SignIn.account_id.in_(select(Account.id).where(Account.kind == "staff"))

_BEGAN, _ENDED = Appointment.began_at.is_not(None), Appointment.dismissed_at.is_not(None)

SNAPSHOTS = (
    Snapshot(SessionEnded, SignIn, session_ended, where=SignIn.ended_at.is_not(None) & _OF_STAFF),
    Snapshot(CodeRequested, CodeRequest, code_requested),
    Snapshot(AdministratorDismissed, Appointment, dismissed, where=_BEGAN & (Appointment.role == "administrator") & _ENDED),
    Snapshot(AuditorDismissed, Appointment, dismissed, where=_BEGAN & (Appointment.role == "auditor") & _ENDED),
    Snapshot(AdministratorAppointed, Appointment, appointed, where=_BEGAN & (Appointment.role == "administrator")),
    Snapshot(AuditorAppointed, Appointment, appointed, where=_BEGAN & (Appointment.role == "auditor")),
    Snapshot(AppointmentOffered, Appointment, appointment_offered, where=IN_STATE["offered"]),
    Snapshot(UserRegistered, Account, user_registered),
    Snapshot(HouseholdRegistered, Household, household_registered),
)
