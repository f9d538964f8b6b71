"""Registering those who take part."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from chassis.data.database import new_id
from chassis.data.encryption import fingerprint
from chassis.messaging import outbox
from contracts.users import UserRegistered
from users import passwords
from users.actions.unique import keep
from users.model import Account


def register_account(session: Session, wanted: Mapping[str, Any]) -> Account:
    """Somebody registers, or is registered; without a password they cannot sign in. Raises `weak_password` and `phone_taken`."""
    password = wanted.get("password")
    if password is not None:
        passwords.check(password, wanted["phone"])
    account = new_account(wanted, passwords.hashed(password) if password is not None else None)
    keep(session, account)
    outbox.add(session, registered(account))
    return account


def new_account(wanted: Mapping[str, Any], password_hash: str | None) -> Account:
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


def registered(account: Account) -> UserRegistered:
    """What is told of an account that has been written."""
    return UserRegistered(
        version=account.version,
        user_id=account.id,
        kind=account.kind,
        region=account.region,
        campaign=account.campaign,
        registered_at=account.registered_at,
    )
