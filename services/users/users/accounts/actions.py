"""Registering accounts."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.data.database import new_id, now
from chassis.data.encryption import fingerprint
from chassis.data.new_rows import insert_rows, new_row
from chassis.http import versions
from chassis.http.auth import Caller
from chassis.messaging import outbox
from users.accounts import passwords, rules
from users.accounts.events import user_registered
from users.accounts.model import Account
from users.accounts.queries import get_own_account
from users.unique import insert_unique


def register_account(session: Session, wanted: Mapping[str, Any]) -> Account:
    """Register an account that has yet to prove its phone. Raises `weak_password`. The phone may belong to others."""
    passwords.require_strong(wanted["password"], wanted["phone"], wanted["name"], wanted["region"])
    return enter_account(session, new_account(wanted, passwords.hash_password(wanted["password"])))


def enter_account(session: Session, account: Account) -> Account:
    """Write an account and publish it. Raises `phone_taken` for a proven one when another has proven the phone."""
    insert_unique(session, account)
    outbox.add(session, user_registered(account))
    return account


def insert_accounts(session: Session, accounts: Sequence[Any]) -> None:
    """Write many new accounts, made by `new_account_row`, and publish them."""
    insert_rows(session, Account, accounts)
    outbox.add(session, *map(user_registered, accounts))


def new_account(wanted: Mapping[str, Any], password_hash: str | None, proven_at: datetime | None = None) -> Account:
    """Make a row that is not written yet."""
    return Account(**_values_of(wanted, password_hash, proven_at))


def new_account_row(wanted: Mapping[str, Any], password_hash: str | None, proven_at: datetime | None = None) -> Any:
    """Make a row for `insert_accounts`."""
    return new_row(Account, registered_at=now(), **_values_of(wanted, password_hash, proven_at))


def _values_of(wanted: Mapping[str, Any], password_hash: str | None, proven_at: datetime | None) -> dict[str, Any]:
    return {
        "id": new_id(),
        "kind": wanted["kind"],
        "phone": wanted["phone"],
        "phone_fingerprint": fingerprint(wanted["phone"]),
        "name": wanted["name"],
        "region": wanted.get("region", ""),
        "campaign": wanted.get("campaign"),
        "password_hash": password_hash,
        "proven_at": proven_at,
    }


def edit_own_account(session: Session, caller: Caller, wanted: Mapping[str, Any]) -> Account:
    """Change the caller's name and region, and publish the account anew. Raises `not_found`, `stale` and `not_allowed`."""
    account = get_own_account(session, caller, lock=True)
    versions.check_if_match(session, account)
    if problem := rules.find_edit_problem(account, wanted):
        raise problem
    for name, value in wanted.items():
        setattr(account, name, value)
    account.version += 1
    session.flush()
    outbox.add(session, user_registered(account))
    return account


def set_region(session: Session, account_id: UUID, region: str) -> None:
    """Note where the household of an account lives now, and publish the account anew."""
    account = session.get_one(Account, account_id, with_for_update=True)
    account.region = region
    account.version += 1
    session.flush()
    outbox.add(session, user_registered(account))
