"""Rules of accounts. No rule needs a database."""

from collections.abc import Collection

from chassis.http.auth import Caller
from chassis.problems import Problem, not_allowed, not_found
from users.accounts.model import Account


def find_phone_problem(caller: Caller, account: Account, managed: Collection[str]) -> Problem | None:
    """Return the problem with giving somebody another phone, or None. `managed` are the regions that this person manages.

    The caller manages the person's region, and a wider one than each that the person manages. Nobody does it for themselves.
    """
    if not caller.manages(account.region):
        return not_found()
    is_above = all(any(region.startswith(own) and region != own for own in caller.regions) for region in managed)
    return None if is_above and account.id != caller.id else not_allowed()


def find_edit_problem(account: Account, changed: Collection[str]) -> Problem | None:
    """Return the problem with changing fields of one's own account, or None. The village's register says where a household lives."""
    return not_allowed() if account.kind == "household" and "region" in changed else None
