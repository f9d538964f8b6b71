"""Rules of appointments: who may end one. No rule needs a database."""

from chassis.http.auth import Caller
from chassis.problems import Problem, not_allowed, state_conflict
from users.model import Appointment


def dismissal_refusal(caller: Caller, appointment: Appointment) -> Problem | None:
    """The problem that keeps the caller from ending the appointment; None for managers of a wider region, its maker and its holder."""
    manages_wider = any(appointment.region.startswith(region) and region != appointment.region for region in caller.regions)
    if not manages_wider and caller.id not in {appointment.account_id, appointment.appointed_by}:
        return not_allowed()
    return state_conflict(state="dismissed") if appointment.dismissed_at else None


def acts_on_appointment(caller: Caller, appointment: Appointment) -> list[str]:
    """The operations that the caller may carry out on the appointment now."""
    return ["dismiss_administrator"] if dismissal_refusal(caller, appointment) is None else []
