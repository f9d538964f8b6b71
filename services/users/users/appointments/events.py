"""Events of appointments, made from their rows: when an act is done, and whenever it is published again."""

from contracts.users import AdministratorAppointed, AdministratorDismissed
from users.appointments.model import Appointment


def administrator_appointed(appointment: Appointment) -> AdministratorAppointed:
    """Make the event of an appointment, with its first version even if it has ended since."""
    return AdministratorAppointed(
        version=appointment.version - 1 if appointment.dismissed_at else appointment.version,
        appointment_id=appointment.id,
        user_id=appointment.account_id,
        region=appointment.region,
        appointed_by=appointment.appointed_by,
        appointed_at=appointment.appointed_at,
    )


def administrator_dismissed(appointment: Appointment) -> AdministratorDismissed:
    """Make the event of an appointment that has ended. Raises ValueError if it stands."""
    if appointment.dismissed_by is None or appointment.dismissed_at is None:
        raise ValueError("the appointment stands")
    return AdministratorDismissed(
        version=appointment.version,
        appointment_id=appointment.id,
        user_id=appointment.account_id,
        region=appointment.region,
        dismissed_by=appointment.dismissed_by,
        dismissed_at=appointment.dismissed_at,
    )
