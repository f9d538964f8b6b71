"""Rules of imports: who may see and confirm them, in which state. No rule needs a database."""

from datetime import timedelta

from chassis.http.auth import Caller
from chassis.problems import Problem, not_allowed, state_conflict
from users.imports.model import Import, ImportMapping

KEPT_FOR = timedelta(days=7)
"""How long the file of an unconfirmed import is kept, and the refused rows of any."""
MOST_FILE_BYTES = 20 << 20
MOST_WAITING = 5
"""Imports of one person that may wait or run at once."""
WORKING = ("checking", "importing")


def find_confirmation_problem(caller: Caller, one: Import) -> Problem | None:
    """Return the problem that keeps the caller from having a checked table imported, or None."""
    if not caller.manages(one.region):
        return not_allowed()
    return None if one.state == "checked" else state_conflict(state=one.state)


def find_check_problem(caller: Caller, one: Import) -> Problem | None:
    """Return the problem that keeps the caller from having a table checked again, with another sheet or mapping; or None."""
    if not caller.manages(one.region):
        return not_allowed()
    is_open = one.state in {"checked", "failed"} and one.is_check and one.deleted_at is None
    return None if is_open else state_conflict(state=one.state)


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
