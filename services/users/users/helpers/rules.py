"""Rules of helpers: who assigns and releases them. No rule needs a database."""

from chassis.http.auth import GOVERNMENT, STAFF, Caller
from chassis.problems import Problem, not_allowed, state_conflict
from users.helpers.model import Assignment

HELPING_KINDS = STAFF | GOVERNMENT
"""The kinds of accounts that may be helpers."""


def find_release_problem(caller: Caller, assignment: Assignment) -> Problem | None:
    """Return the problem that keeps the caller from releasing the helper, or None. Administrators of the village and those above may."""
    if not caller.manages(assignment.region):
        return not_allowed()
    return state_conflict(state="released") if assignment.released_at else None


def acts_on_assignment(caller: Caller, assignment: Assignment) -> list[str]:
    """List the operations that the caller may carry out on the assignment now."""
    return ["release_helper"] if find_release_problem(caller, assignment) is None else []
