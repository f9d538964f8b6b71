"""Snapshots for republishing: accounts, households and appointments. Dismissals come first."""

from sqlalchemy import select

from chassis.messaging.snapshots import Snapshot
from contracts.users import AdministratorAppointed, AdministratorDismissed, CodeRequested, HouseholdRegistered, SessionEnded, UserRegistered
from users.accounts.events import user_registered
from users.accounts.model import Account
from users.appointments.events import administrator_appointed, administrator_dismissed
from users.appointments.model import Appointment
from users.codes.events import code_requested
from users.codes.model import CodeRequest
from users.households.events import household_registered
from users.households.model import Household
from users.sessions.events import session_ended
from users.sessions.model import SignIn

_OF_STAFF = SignIn.account_id.in_(select(Account.id).where(Account.kind == "staff"))

SNAPSHOTS = (
    Snapshot(SessionEnded, SignIn, session_ended, where=SignIn.ended_at.is_not(None) & _OF_STAFF),
    Snapshot(CodeRequested, CodeRequest, code_requested, where=CodeRequest.used_at.is_(None)),
    Snapshot(AdministratorDismissed, Appointment, administrator_dismissed, where=Appointment.dismissed_at.is_not(None)),
    Snapshot(AdministratorAppointed, Appointment, administrator_appointed),
    Snapshot(UserRegistered, Account, user_registered),
    Snapshot(HouseholdRegistered, Household, household_registered),
)
