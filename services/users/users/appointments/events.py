"""Events of appointments, made from their rows: when an act is done, and whenever it is published again."""

from contracts.users import AdministratorAppointed, AdministratorDismissed, AppointmentOffered, AuditorAppointed, AuditorDismissed
from users.appointments.model import Appointment


def appointment_offered(appointment: Appointment) -> AppointmentOffered:
    """Make the event of an offer that waits for its answer."""
    return AppointmentOffered(
        version=appointment.version,
        appointment_id=appointment.id,
        user_id=appointment.account_id,
        role=appointment.role,
        region=appointment.region,
        named_by=appointment.appointed_by,
        named_at=appointment.appointed_at,
    )


def appointed(appointment: Appointment) -> AdministratorAppointed | AuditorAppointed:
    """Make the event of an appointment that began, as it was published first. Raises ValueError if it has not begun."""
    if appointment.began_at is None or appointment.published_version is None:
        raise ValueError("the appointment has not begun")
    kind = AuditorAppointed if appointment.role == "auditor" else AdministratorAppointed
    return kind(
        version=appointment.published_version,
        appointment_id=appointment.id,
        user_id=appointment.account_id,
        region=appointment.region,
        appointed_by=appointment.appointed_by,
        appointed_at=appointment.began_at,
    )


def dismissed(appointment: Appointment) -> AdministratorDismissed | AuditorDismissed:
    """Make the event of an appointment that has ended. Raises ValueError if it stands."""
    if appointment.dismissed_by is None or appointment.dismissed_at is None:
        raise ValueError("the appointment stands")
    kind = AuditorDismissed if appointment.role == "auditor" else AdministratorDismissed
    return kind(
        version=appointment.version,
        appointment_id=appointment.id,
        user_id=appointment.account_id,
        region=appointment.region,
        dismissed_by=appointment.dismissed_by,
        dismissed_at=appointment.dismissed_at,
    )
