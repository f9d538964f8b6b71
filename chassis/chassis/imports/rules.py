"""Rules of imports: who may see and confirm them, in which state. No rule needs a database."""

from datetime import timedelta

from chassis.http.auth import Caller
from chassis.imports.model import StoredImport
from chassis.problems import Problem, not_allowed, state_conflict

KEPT_FOR = timedelta(days=7)
"""The time for which the file of an unconfirmed import is kept, and the refused rows of any."""
MOST_FILE_BYTES = 20 << 20
MOST_WAITING = 5
"""Imports of one person that may wait or run at once."""
WORKING = ("checking", "importing")


def find_confirmation_problem(caller: Caller, one: StoredImport) -> Problem | None:
    """Return the problem that keeps the caller from having a checked table imported, or None."""
    if not caller.manages(one.region):
        return not_allowed()
    return None if one.state == "checked" else state_conflict(state=one.state)


def find_check_problem(caller: Caller, one: StoredImport) -> Problem | None:
    """Return the problem that keeps the caller from having a table checked again, with another sheet or mapping; or None."""
    if not caller.manages(one.region):
        return not_allowed()
    is_open = one.state in {"checked", "failed"} and one.is_check and one.deleted_at is None
    return None if is_open else state_conflict(state=one.state)
