"""Rules of looks at accounts: who sees one masked, and who may see it whole. No rule needs a database."""

from collections.abc import Collection

from chassis.http.auth import Caller
from chassis.problems import Problem, not_allowed, not_found
from users.accounts.model import Account

REVEAL = "reveal_account"


def find_account_problem(caller: Caller, account: Account, regions: Collection[str]) -> Problem | None:
    """Return the problem with showing an account, or None. `regions` are those to which it belongs.

    Its owner sees it, and whoever administers or audits one of its regions. Nobody else learns that it exists.
    """
    if account.id == caller.id:
        return None if account.state != "erased" else not_found()
    is_seen = account.state == "active" and any(caller.reads(region) for region in regions)
    return None if is_seen else not_found()


def find_reveal_problem(caller: Caller, account: Account, regions: Collection[str]) -> Problem | None:
    """Return the problem with showing an account whole, or None. Administrators of one of its regions may; auditors act nowhere."""
    if problem := find_account_problem(caller, account, regions):
        return problem
    may = account.id != caller.id and any(caller.manages(region) for region in regions)
    return None if may else not_allowed()


def region_of_look(caller: Caller, regions: Collection[str]) -> str:
    """Return the region by which the caller sees an account, the narrowest of several; its auditors read of the look."""
    return max((region for region in regions if caller.reads(region)), key=len, default="")


def acts_on_account(caller: Caller, account: Account, regions: Collection[str]) -> list[str]:
    """List the operations that the caller may carry out on the account now."""
    return [REVEAL] if find_reveal_problem(caller, account, regions) is None else []
