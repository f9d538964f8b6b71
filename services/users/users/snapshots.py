"""What users tells anew: who takes part, which households stand in the register, who manages what."""

from chassis.messaging.snapshots import Story
from contracts.users import AdministratorAppointed, AdministratorDismissed, HouseholdRegistered, UserRegistered
from users.actions import accounts, appointments, households
from users.model import Account, Appointment, Household

SNAPSHOTS = (
    Story(AdministratorDismissed, Appointment, appointments.dismissed, where=Appointment.dismissed_at.is_not(None)),
    Story(AdministratorAppointed, Appointment, appointments.appointed),
    Story(UserRegistered, Account, accounts.registered),
    Story(HouseholdRegistered, Household, households.registered),
)
