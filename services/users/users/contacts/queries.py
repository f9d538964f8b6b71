"""Queries of contacts: the telephone of accounts, households and institutions, and whose it is."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from users.accounts.model import Account
from users.contacts import rules
from users.households.model import Household
from users.institutions.model import Institution


@dataclass(frozen=True, repr=False)
class Found:
    """Where messages to one recipient go. `person_id` is None for an institution, of which all is public."""

    id: UUID
    subject: str
    person_id: UUID | None
    region: str
    telephone: str | None
    whose: str | None


def find_contacts(session: Session, ids: Collection[UUID]) -> list[Found]:
    """Find the contacts of accounts, households and institutions; leave out whoever is gone.

    A household with an account gets its messages there, a merged one where it was merged into. Only a telephone that was proven, or that
    the village noted, is one.
    """
    households = _follow(session, ids)
    accounts = _accounts(session, {*ids, *(one.account_id for one in households.values() if one.account_id)})
    institutions = session.scalars(select(Institution).where(Institution.id.in_(ids), Institution.ended_at.is_(None)))
    found = {one.id: Found(one.id, "institution", None, one.region, rules.mobile(one.telephone), "own") for one in institutions}
    for asked, household in households.items():
        account = accounts.get(household.account_id) if household.account_id else None
        if account is not None:
            found[asked] = _of_account(asked, account)
        elif household.ended_at is None:
            telephone = rules.mobile(household.contact_phone)
            whose = rules.whose(household.phone_kind) if telephone else None
            found[asked] = Found(asked, "household", household.id, household.region, telephone, whose)
    found |= {one: _of_account(one, accounts[one]) for one in ids if one in accounts}
    return [found[one] for one in sorted(found)]


def _of_account(asked: UUID, account: Account) -> Found:
    telephone = account.phone if account.proven_at else None
    return Found(asked, "account", account.id, account.region, telephone, "own" if telephone else None)


def _accounts(session: Session, ids: Iterable[UUID]) -> dict[UUID, Account]:
    active = select(Account).where(Account.id.in_(sorted(ids)), Account.state == "active")
    return {one.id: one for one in session.scalars(active)}


def _follow(session: Session, ids: Collection[UUID]) -> dict[UUID, Household]:
    """Find households as they are now: merged ones lead to what they were merged into."""
    found = {one.id: one for one in session.scalars(select(Household).where(Household.id.in_(ids)))}
    return {asked: _last(session, one) for asked, one in found.items()}


def _last(session: Session, household: Household) -> Household:
    *_, last = _chain(session, household)
    return last


def _chain(session: Session, household: Household) -> Iterator[Household]:
    seen: set[UUID] = set()
    here: Household | None = household
    while here is not None and here.id not in seen:
        seen.add(here.id)
        yield here
        here = session.get(Household, here.merged_into) if here.merged_into else None
