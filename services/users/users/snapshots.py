"""What users tells anew: who takes part, which households stand in the register, who manages what."""

from chassis.messaging.snapshots import Snapshot
from contracts.users import AdministratorAppointed, AdministratorDismissed, HouseholdRegistered, UserRegistered
from users.actions import accounts, appointments, households
from users.model import Account, Appointment, Household

SNAPSHOTS = (
    Snapshot(AdministratorDismissed, Appointment, appointments.dismissed, where=Appointment.dismissed_at.is_not(None)),
    Snapshot(AdministratorAppointed, Appointment, appointments.appointed),
    Snapshot(UserRegistered, Account, accounts.registered),
    Snapshot(HouseholdRegistered, Household, households.registered),
)
