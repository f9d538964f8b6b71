"""What somebody may do with an appointment: the action refuses by this rule, and every answer lists what it lets through."""

from chassis.http.auth import Caller
from chassis.problems import Problem, not_allowed, state_conflict
from users.model import Appointment


def refusal(caller: Caller, appointment: Appointment) -> Problem | None:
    """Why the caller may not end it, or None: who manages a wider region may, who made it, and who holds it."""
    wider = any(appointment.region.startswith(region) and region != appointment.region for region in caller.regions)
    if not wider and caller.id not in {appointment.account_id, appointment.appointed_by}:
        return not_allowed()
    return state_conflict(state="dismissed") if appointment.dismissed_at else None


def acts_on_appointment(caller: Caller, appointment: Appointment) -> list[str]:
    """The operations that the caller may carry out on it now."""
    return ["dismiss_administrator"] if refusal(caller, appointment) is None else []
