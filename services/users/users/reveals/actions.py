"""Looking at people whose data are masked otherwise. Each look is recorded before anything is shown."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.data.database import new_id, now
from chassis.http import versions as preconditions
from chassis.http.auth import Caller
from users.accounts.model import Account
from users.households.actions import lock_for_act
from users.households.model import Household, Reveal
from users.reveals import queries, rules
from users.reveals.model import PersonReveal
from users.self_reports.model import SelfReport
from users.self_reports.queries import get_self_report
from users.self_reports.rules import find_reveal_problem


def reveal_household(session: Session, caller: Caller, household_id: UUID, wanted: Mapping[str, Any]) -> Household:
    """Record the purpose and the reason of a look at a household of the caller's regions, and the parts of it that are shown too."""
    household = lock_for_act(session, caller, household_id, "reveal_household")
    look = Reveal(household_id=household.id, parts=sorted(set(wanted["parts"])), **_stated(caller, wanted))
    session.add(look)
    session.flush()
    return household


def reveal_account(session: Session, caller: Caller, account_id: UUID, wanted: Mapping[str, Any]) -> tuple[Account, Collection[str]]:
    """Record the purpose and the reason of a look at an account of one of the caller's regions. Raises `not_found` and `not_allowed`."""
    account, regions = queries.get_account(session, caller, account_id)
    preconditions.check_if_match(session, account)
    if problem := rules.find_reveal_problem(caller, account, regions):
        raise problem
    _record(session, caller, account.id, wanted)
    return account, regions


def reveal_self_report(session: Session, caller: Caller, report_id: UUID, wanted: Mapping[str, Any]) -> SelfReport:
    """Record the purpose and the reason of a look at whoever reported themselves in the caller's regions."""
    report = get_self_report(session, caller, report_id)
    preconditions.check_if_match(session, report)
    if problem := find_reveal_problem(caller, report):
        raise problem
    _record(session, caller, report.id, wanted)
    return report


def _record(session: Session, caller: Caller, person_id: UUID, wanted: Mapping[str, Any]) -> None:
    session.add(PersonReveal(person_id=person_id, **_stated(caller, wanted)))
    session.flush()


def _stated(caller: Caller, wanted: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": new_id(),
        "revealed_by": caller.id,
        "revealed_at": now(),
        "purpose": wanted["purpose"],
        "reason": wanted["reason"],
    }
