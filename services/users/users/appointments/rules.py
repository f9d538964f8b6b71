"""Rules of appointing and dismissing."""

from uuid import UUID

from chassis.http.auth import Caller
from chassis.problems import Problem, not_allowed, state_conflict
from users.appointments.model import Appointment
from users.problems import own_appointment


def find_appointing_problem(caller: Caller, account_id: UUID) -> Problem | None:
    """Return the problem with appointing oneself, or None for anybody else.

    An appointment that somebody made for themselves would outlast their dismissal.
    """
    return own_appointment() if account_id == caller.id else None


def can_see_appointment(caller: Caller, appointment: Appointment) -> bool:
    """Return True for its holder and for managers of its region."""
    return caller.id == appointment.account_id or caller.manages(appointment.region)


def find_dismissal_problem(caller: Caller, appointment: Appointment) -> Problem | None:
    """Return the problem that keeps the caller from ending the appointment, or None.

    Managers of a wider region, its maker and its holder may end it.
    """
    manages_wider = any(appointment.region.startswith(region) and region != appointment.region for region in caller.regions)
    if not manages_wider and caller.id not in {appointment.account_id, appointment.appointed_by}:
        return not_allowed()
    return state_conflict(state="dismissed") if appointment.dismissed_at else None


def acts_on_appointment(caller: Caller, appointment: Appointment) -> list[str]:
    """List the operations that the caller may carry out on the appointment now."""
    return ["dismiss_administrator"] if find_dismissal_problem(caller, appointment) is None else []
