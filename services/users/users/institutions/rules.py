"""Rules of institutions: who changes and ends them. No rule needs a database."""

from chassis.http.auth import Caller
from chassis.problems import Problem, not_allowed, state_conflict
from users.institutions.model import Institution

ACTS = ("edit_institution", "end_institution")


def find_institution_problem(caller: Caller, institution: Institution) -> Problem | None:
    """Return the problem that keeps the caller from changing or ending an institution, or None. Administrators of its region may."""
    if not caller.manages(institution.region):
        return not_allowed()
    return state_conflict(state="ended") if institution.ended_at else None


def acts_on_institution(caller: Caller, institution: Institution) -> list[str]:
    """List the operations that the caller may carry out on the institution now."""
    return list(ACTS) if find_institution_problem(caller, institution) is None else []
