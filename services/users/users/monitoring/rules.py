"""Rules of monitoring: who enters and removes labels, and which days make sense. No rule needs a database."""

from datetime import date

from chassis.http.auth import Caller
from chassis.problems import Problem, invalid, not_allowed, state_conflict
from users.households.model import Household
from users.monitoring.model import Label

REMOVE_RISK, EXIT = "remove_household_risk", "exit_household_label"
BEFORE = {REMOVE_RISK: {"monitored"}, EXIT: {"monitored", "risk_removed"}}
"""The states of a label from which each act leads on."""


def find_label_problem(act: str, caller: Caller, household: Household, label: Label) -> Problem | None:
    """Return the problem that keeps the caller from this act on a label, or None. Administrators of the village and above may."""
    if not caller.manages(household.region):
        return not_allowed()
    if household.ended_at:
        return state_conflict(state="ended")
    return state_conflict(state=label.state) if label.state not in BEFORE[act] else None


def acts_on_label(caller: Caller, household: Household, label: Label) -> list[str]:
    """List the operations that the caller may carry out on the label now."""
    return [act for act in BEFORE if find_label_problem(act, caller, household, label) is None]


def status_without_label(status: str) -> str:
    """Return the status to which a household returns after its monitoring."""
    return "registered" if status == "monitored" else status


def find_day_problem(day: date, earliest: date | None, today: date) -> Problem | None:
    """Return the problem with the day of an act: it is over or today, and not before the day of the act before it. None if it is right."""
    is_right = day <= today and (earliest is None or earliest <= day)
    return None if is_right else invalid(errors=[{"pointer": "#/on", "code": "out_of_range"}])
