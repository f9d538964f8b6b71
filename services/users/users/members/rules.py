"""Rules of members: who is a minor, what is stated twice, who may change a member. No rule needs a database."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from chassis.http.auth import Caller
from chassis.problems import Problem, not_allowed, state_conflict
from users.households.model import Household, Member
from users.personal import read_birth, read_sex
from users.problems import guardian_consent_needed

ADULT_YEARS = 18
ACTS = ("edit_member", "remove_member")


def find_birth(national_id: str | None, born: str | None) -> date | None:
    """Return the day of birth: what the national id says, else what was stated; None if nobody knows."""
    if national_id:
        return read_birth(national_id)
    return date.fromisoformat(born) if born else None


def find_sex(national_id: str | None, sex: str | None) -> str | None:
    """Return the sex: what the national id says, else what was stated."""
    return read_sex(national_id) if national_id else sex


def is_minor(born: date | None, today: date) -> bool:
    """Tell whether somebody born on a day has not reached the age of 18; False while the day is unknown."""
    return born is not None and (born.year + ADULT_YEARS, born.month, born.day) > (today.year, today.month, today.day)


def find_consent_problem(member: Mapping[str, Any], today: date) -> Problem | None:
    """Return the problem with registering a member, or None. A minor needs the guardian's consent."""
    born = find_birth(member.get("national_id"), member.get("born"))
    return guardian_consent_needed() if is_minor(born, today) and not member.get("guardian_consent") else None


def find_member_problem(caller: Caller, household: Household, member: Member) -> Problem | None:
    """Return the problem that keeps the caller from changing a member, or None. Administrators of the village and above may."""
    if not caller.manages(household.region):
        return not_allowed()
    if household.ended_at or member.left_at:
        return state_conflict(state="ended" if household.ended_at else "left")
    return None


def acts_on_member(caller: Caller, household: Household, member: Member) -> list[str]:
    """List the operations that the caller may carry out on the member now."""
    return list(ACTS) if find_member_problem(caller, household, member) is None else []
