"""What somebody may do with a need or a pledge: the actions refuse by these rules, and every answer lists what they let through."""

from collections.abc import Callable, Collection, Mapping
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.data.appointments import managers_of
from chassis.http.auth import Caller
from chassis.problems import Problem, not_allowed, not_found, state_conflict
from needs.model import Need, Pledge
from needs.problems import own_need, township_verifies
from needs.queries import shown_to

Managers = Mapping[str, set[UUID]]
Rule = Callable[[Caller, Need, Managers], Problem | None]


def _judge(caller: Caller, need: Need, managers: Managers) -> Problem | None:
    """Verified or rejected by another administrator; the township's where it has one who did not post it."""
    if caller.id in {need.poster_id, need.account_id}:
        return own_need()
    if not caller.manages(need.region):
        return not_found()
    manages_village_only = all(len(region) == 12 for region in caller.regions if need.region.startswith(region))
    if manages_village_only and managers.get(need.region[:9], set()) - {need.poster_id}:
        return township_verifies()
    return state_conflict(state=need.state) if need.state != "posted" else None


def _withdraw(caller: Caller, need: Need, managers: Managers) -> Problem | None:
    """Taken back by the household, or by who posted for it."""
    if caller.id not in {need.account_id, need.poster_id}:
        return not_allowed()
    return state_conflict(state=need.state) if need.state not in {"posted", "published"} else None


def _close(caller: Caller, need: Need, managers: Managers) -> Problem | None:
    """Ended by an administrator of its region."""
    if not caller.manages(need.region):
        return not_allowed()
    return state_conflict(state=need.state) if need.state != "published" else None


def pledge_refusal(caller: Caller, pledge: Pledge) -> Problem | None:
    """Why the caller may neither change nor withdraw the pledge, or None."""
    if pledge.pledger_id != caller.id:
        return not_found()
    return state_conflict(state="withdrawn") if pledge.withdrawn else None


OF_NEEDS: dict[str, Rule] = {
    "verify_need": _judge,
    "reject_need": _judge,
    "withdraw_need": _withdraw,
    "close_need": _close,
}
OF_PLEDGES = ("change_pledge", "withdraw_pledge")


def managers_around(session: Session, caller: Caller | None, needs: Collection[Need]) -> Managers:
    """Who manages the townships of those needs that wait for a judge, in one query, if the caller could be one."""
    towns = {need.region[:9] for need in needs if need.state == "posted"}
    return managers_of(session, towns) if towns and caller and caller.regions else {}


def refusal(act: str, caller: Caller, need: Need, managers: Managers) -> Problem | None:
    """Why the caller may not carry out this operation on the need, or None."""
    return not_found() if shown_to(caller, need) == "public" else OF_NEEDS[act](caller, need, managers)


def acts_on_need(caller: Caller | None, need: Need, managers: Managers) -> list[str]:
    """The operations that the caller may carry out on it now."""
    return [act for act in OF_NEEDS if refusal(act, caller, need, managers) is None] if caller else []


def acts_on_pledge(caller: Caller | None, pledge: Pledge) -> list[str]:
    """The operations that the caller may carry out on it now."""
    return list(OF_PLEDGES) if caller and pledge_refusal(caller, pledge) is None else []
