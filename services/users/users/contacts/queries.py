"""Queries of contacts: telephone and e-mail of accounts, households and institutions, and the names on a work list."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from chassis.http.auth import Caller
from users.accounts.model import Account
from users.contacts import rules
from users.households.model import Household
from users.institutions.model import Institution
from users.personal import national_phone
from users.places.model import Place
from users.places.queries import find_nearest_places


@dataclass(frozen=True, repr=False)
class Found:
    """Where messages to one recipient go. `person_id` is None for an institution, of which all is public."""

    id: UUID
    subject: str
    person_id: UUID | None
    region: str
    telephone: str | None
    whose: str | None
    email: str | None = None


@dataclass(frozen=True, repr=False)
class Named:
    """A household or an institution by name, with what somebody needs to go there. `person_id` is None for an institution."""

    id: UUID
    subject: str
    subject_id: UUID
    person_id: UUID | None
    region: str
    name: str
    address: str | None
    telephone: str | None
    whose: str | None


def find_names(session: Session, caller: Caller, ids: Collection[UUID]) -> list[Named]:
    """Find the names of the caller's own village's households and institutions; leave out all others."""
    found = {asked: _name_household(asked, one) for asked, one in _follow(session, ids).items() if rules.may_name(caller, one)}
    standing = select(Institution).where(Institution.id.in_(ids), Institution.ended_at.is_(None), Institution.region.in_(caller.regions))
    for one in session.scalars(standing):
        found[one.id] = Named(one.id, "institution", one.id, None, one.region, one.name, one.address, one.telephone, None)
    return [found[one] for one in sorted(found)]


def find_place(session: Session, named: Collection[Named]) -> Place | None:
    """Find the open collection point that is nearest to the village of these households."""
    return next(iter(find_nearest_places(session, {one.region for one in named}).values()), None) if named else None


def _name_household(asked: UUID, one: Household) -> Named:
    telephone = national_phone(one.contact_phone) if one.contact_phone else None
    whose = one.phone_kind if telephone else None
    return Named(asked, "household", one.id, one.account_id or one.id, one.region, one.name, one.address, telephone, whose)


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
    return Found(asked, "account", account.id, account.region, telephone, "own" if telephone else None, account.email)


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
