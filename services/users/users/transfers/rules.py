"""Rules of transfers: who decides about somebody who was registered in another place. No rule needs a database."""

from chassis.http.auth import Caller
from chassis.problems import Problem, not_allowed, state_conflict
from users.households.model import Transfer

ACTS = ("accept_household_transfer", "refuse_household_transfer")


def find_transfer_problem(caller: Caller, transfer: Transfer) -> Problem | None:
    """Return the problem that keeps the caller from deciding a transfer, or None.

    Administrators of the place where the person stands decide, and those above it. The place that asked never sees the transfer.
    """
    if not caller.manages(transfer.region):
        return not_allowed()
    return state_conflict(state=transfer.state) if transfer.state != "waiting" else None


def acts_on_transfer(caller: Caller, transfer: Transfer) -> list[str]:
    """List the operations that the caller may carry out on the transfer now."""
    return list(ACTS) if find_transfer_problem(caller, transfer) is None else []
