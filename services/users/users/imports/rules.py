"""Rules of imports and saved mappings: who may see, confirm and remove them, in which state. No rule needs a database."""

from chassis.http.auth import Caller
from chassis.imports.rules import find_check_problem, find_confirmation_problem
from chassis.problems import Problem, not_allowed, state_conflict
from users.imports.model import Import, ImportMapping


def find_removal_problem(caller: Caller, mapping: ImportMapping) -> Problem | None:
    """Return the problem that keeps the caller from removing a saved mapping, or None: managers of its region may."""
    if not caller.manages(mapping.region):
        return not_allowed()
    return state_conflict(state="removed") if mapping.removed_at else None


def acts_on_import(caller: Caller, one: Import) -> list[str]:
    """List the operations that the caller may carry out on an import now."""
    found = {"check_import": find_check_problem(caller, one), "confirm_import": find_confirmation_problem(caller, one)}
    return [name for name, problem in found.items() if problem is None]


def acts_on_mapping(caller: Caller, mapping: ImportMapping) -> list[str]:
    """List the operations that the caller may carry out on a saved mapping."""
    return ["remove_import_mapping"] if find_removal_problem(caller, mapping) is None else []
