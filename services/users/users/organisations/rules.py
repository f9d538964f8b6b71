"""Rules of organisations: who confirms them and takes it back. No rule needs a database."""

from chassis.http.auth import Caller
from chassis.problems import Problem, not_allowed, state_conflict
from users.organisations.model import Organisation

VERIFIABLE = frozenset({"organisation", "merchant", "work_unit"})
"""The kinds of accounts that are confirmed."""
COUNTY_DIGITS = 6


def manages_county_of(caller: Caller, region: str) -> bool:
    """Tell whether the caller manages the county of a region, or a region around it."""
    return any(len(managed) <= COUNTY_DIGITS and region.startswith(managed) for managed in caller.regions)


def find_organisation_problem(act: str, caller: Caller, organisation: Organisation) -> Problem | None:
    """Return the problem that keeps the caller from verifying an organisation, or from ending that; None if they may."""
    if caller.id == organisation.id or not manages_county_of(caller, organisation.region):
        return not_allowed()
    wanted = {"verify_organisation": "waiting", "end_organisation_verification": "verified"}[act]
    return state_conflict(state=organisation.state) if organisation.state != wanted else None


def acts_on_organisation(caller: Caller, organisation: Organisation) -> list[str]:
    """List the operations that the caller may carry out on the organisation now."""
    acts = ("verify_organisation", "end_organisation_verification")
    return [act for act in acts if find_organisation_problem(act, caller, organisation) is None]
