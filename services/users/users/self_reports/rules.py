"""Rules of self-reports: who visits and decides, when, and what is overdue. No rule needs a database."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Literal

from chassis.http.auth import Caller
from chassis.problems import Problem, not_allowed, state_conflict
from users.self_reports.model import SelfReport

VISIT_DAYS, DECISION_DAYS = 2, 20
"""Working days from the opening until the village has to have visited, and decided."""
A_DAY = 20
"""Reports of one village that are opened on a day; those beyond wait, so that a stranger cannot fill its desk."""

Overdue = Literal["visit", "decision"]


def find_visit_problem(caller: Caller, report: SelfReport) -> Problem | None:
    """Return the problem with noting a visit, or None. Administrators of the village and those above may, before the decision."""
    if not caller.manages(report.region):
        return not_allowed()
    return None if report.state in {"waiting", "open"} else state_conflict(state=report.state)


def find_decision_problem(caller: Caller, report: SelfReport) -> Problem | None:
    """Return the problem with deciding, or None. Nobody decides about people whom nobody visited."""
    if not caller.manages(report.region):
        return not_allowed()
    return None if report.state == "visited" else state_conflict(state=report.state)


def find_overdue(report: SelfReport, now: datetime) -> Overdue | None:
    """Return the act that is overdue: the visit before the decision."""
    if report.state == "open" and report.visit_by is not None and report.visit_by <= now:
        return "visit"
    is_undecided = report.state in {"open", "visited"}
    return "decision" if is_undecided and report.decide_by is not None and report.decide_by <= now else None


def is_shown_whole(caller: Caller, report: SelfReport) -> bool:
    """Tell whether the caller sees whom it is about: the village's own administrators do, those above see it masked."""
    return report.region in caller.regions


def find_reveal_problem(caller: Caller, report: SelfReport) -> Problem | None:
    """Return the problem with showing a report whole for a reason, or None. Administrators who see it masked may."""
    return None if caller.manages(report.region) and not is_shown_whole(caller, report) else not_allowed()


RULES: Mapping[str, Callable[[Caller, SelfReport], Problem | None]] = {
    "visit_self_report": find_visit_problem,
    "decide_self_report": find_decision_problem,
    "reveal_self_report": find_reveal_problem,
}


def acts_on_self_report(caller: Caller, report: SelfReport) -> list[str]:
    """List the operations that the caller may carry out on the report now."""
    return [act for act, find_problem in RULES.items() if find_problem(caller, report) is None]
