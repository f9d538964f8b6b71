"""Queries of accounts as those see them who administer one of their regions, and of the looks at people."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from chassis.data.appointments import regions_of
from chassis.http.auth import Caller
from chassis.http.pagination import page
from chassis.problems import not_found
from users.accounts.model import Account
from users.helpers.model import Assignment
from users.helpers.queries import STANDING
from users.reveals import rules
from users.reveals.model import PersonReveal


def get_account(session: Session, caller: Caller, account_id: UUID) -> tuple[Account, Collection[str]]:
    """Get an account that the caller may see, with the regions to which it belongs. Raises `not_found`."""
    account = session.get(Account, account_id)
    if account is None:
        raise not_found()
    regions = find_regions(session, account)
    if problem := rules.find_account_problem(caller, account, regions):
        raise problem
    return account, regions


def find_regions(session: Session, account: Account) -> Collection[str]:
    """Find the regions to which an account belongs: the one it names, and those where it holds an office or helps."""
    helping = session.scalars(select(Assignment.region).where(Assignment.account_id == account.id, STANDING))
    return {account.region, *regions_of(session, account.id), *helping}


def list_looks(session: Session, person_id: UUID, **paging: Any) -> dict[str, Any]:
    """Read a page of the looks at a person whom the caller may see, newest first."""
    return page(session, select(PersonReveal).where(PersonReveal.person_id == person_id), PersonReveal.id, **paging)
