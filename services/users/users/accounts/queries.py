"""Queries of accounts. People read their own."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from chassis.http.auth import Caller
from chassis.problems import not_found
from users.accounts.model import Account


def get_own_account(session: Session, caller: Caller, *, lock: bool = False) -> Account:
    """Get the caller's account, locked on request. Raises `not_found`, also when it was erased."""
    account = session.get(Account, caller.id, with_for_update=lock or None)
    if account is None or account.state == "erased":
        raise not_found()
    return account


def find_household_account(session: Session, phone_fingerprint: bytes) -> Account | None:
    """Find the active account of a household that proved this phone, and lock it."""
    proven = (Account.kind == "household", Account.state == "active", Account.proven_at.is_not(None))
    return session.scalars(select(Account).where(Account.phone_fingerprint == phone_fingerprint, *proven).with_for_update()).first()
