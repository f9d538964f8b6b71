"""Rules of appointing, confirming and dismissing. No rule needs a database."""

from collections.abc import Collection
from datetime import date, datetime, timedelta
from uuid import UUID

from chassis.http.auth import Caller
from chassis.problems import Problem, not_allowed, state_conflict
from users.appointments.model import Appointment
from users.problems import outranked, own_appointer, own_appointment

OFFER_LASTS = timedelta(days=30)


def find_appointing_problem(
    caller: Caller, account_id: UUID, region: str, others_regions: Collection[str], is_appointer: bool
) -> Problem | None:
    """Return the problem with appointing somebody to a region that the caller manages, or None.

    Nobody appoints themselves: it would outlast their dismissal. Nobody appoints somebody who manages more around this region than they do,
    nor somebody who appointed them, directly or through others, and be it long ago: a dismissed administrator would come back through
    those whom they appointed.
    """
    if account_id == caller.id:
        return own_appointment()
    if outranks(others_regions, caller.regions, region):
        return outranked()
    return own_appointer() if is_appointer else None


def outranks(others_regions: Collection[str], own_regions: Collection[str], region: str) -> bool:
    """Tell whether the others manage a region wider than the widest own one around this region, and around it too."""
    widest = min((own for own in own_regions if region.startswith(own)), key=len, default=None)
    return widest is not None and any(widest.startswith(other) and other != widest for other in others_regions)


def can_see_appointment(caller: Caller, appointment: Appointment) -> bool:
    """Return True for its holder and for managers of its region."""
    return caller.id == appointment.account_id or caller.manages(appointment.region)


def find_answer_problem(caller: Caller, appointment: Appointment, moment: datetime, today: date) -> Problem | None:
    """Return the problem that keeps the caller from confirming or refusing an offer, or None. Only its holder may, within 30 days."""
    if caller.id != appointment.account_id:
        return not_allowed()
    if appointment.state != "offered":
        return state_conflict(state=appointment.state)
    return state_conflict(state="lapsed") if has_lapsed(appointment, moment, today) else None


def has_lapsed(appointment: Appointment, moment: datetime, today: date) -> bool:
    """Tell whether an offer waited for 30 days, or until its last valid day was over."""
    is_over = appointment.valid_until is not None and appointment.valid_until < today
    return is_over or appointment.appointed_at + OFFER_LASTS <= moment


def find_dismissal_problem(caller: Caller, appointment: Appointment, reason: str = "other") -> Problem | None:
    """Return the problem that keeps the caller from ending the appointment, or None.

    Managers of a wider region, whoever answers for it and its holder may end it. Its holder cannot call it an abuse.
    """
    manages_wider = any(appointment.region.startswith(region) and region != appointment.region for region in caller.regions)
    is_holder = caller.id == appointment.account_id
    if not manages_wider and not is_holder and caller.id != (appointment.answerable_to or appointment.appointed_by):
        return not_allowed()
    if appointment.dismissed_at:
        return state_conflict(state=appointment.state)
    return not_allowed() if is_holder and reason == "abuse" else None


def acts_on_appointment(caller: Caller, appointment: Appointment, moment: datetime, today: date) -> list[str]:
    """List the operations that the caller may carry out on the appointment now."""
    answers = ["confirm_appointment", "refuse_appointment"] if not find_answer_problem(caller, appointment, moment, today) else []
    return answers + (["dismiss_administrator"] if find_dismissal_problem(caller, appointment) is None else [])
