"""Snapshots for republishing: accounts, households and appointments. Dismissals come first."""

from chassis.messaging.snapshots import Snapshot
from contracts.users import AdministratorAppointed, AdministratorDismissed, HouseholdRegistered, UserRegistered
from users import events
from users.model import Account, Appointment, Household

SNAPSHOTS = (
    Snapshot(AdministratorDismissed, Appointment, events.administrator_dismissed, where=Appointment.dismissed_at.is_not(None)),
    Snapshot(AdministratorAppointed, Appointment, events.administrator_appointed),
    Snapshot(UserRegistered, Account, events.user_registered),
    Snapshot(HouseholdRegistered, Household, events.household_registered),
)
