"""Registering accounts."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from chassis.data.database import new_id
from chassis.data.encryption import fingerprint
from chassis.messaging import outbox
from users.accounts import passwords
from users.accounts.events import user_registered
from users.accounts.model import Account
from users.unique import insert_unique


def register_account(session: Session, wanted: Mapping[str, Any]) -> Account:
    """Register an account; without a password it cannot sign in. Raises `weak_password` and `phone_taken`."""
    password = wanted.get("password")
    if password is not None:
        passwords.require_strong(password, wanted["phone"])
    account = new_account(wanted, passwords.hash_password(password) if password is not None else None)
    insert_unique(session, account)
    outbox.add(session, user_registered(account))
    return account


def new_account(wanted: Mapping[str, Any], password_hash: str | None) -> Account:
    """Make a row that is not written yet."""
    return Account(
        id=new_id(),
        kind=wanted["kind"],
        phone=wanted["phone"],
        phone_fingerprint=fingerprint(wanted["phone"]),
        name=wanted["name"],
        region=wanted.get("region", ""),
        campaign=wanted.get("campaign"),
        password_hash=password_hash,
    )
