"""Queries of accounts. People read their own."""

from sqlalchemy.orm import Session

from chassis.http.auth import Caller
from chassis.problems import not_found
from users.accounts.model import Account


def get_own_account(session: Session, caller: Caller, *, lock: bool = False) -> Account:
    """Get the caller's account, locked on request. Raises `not_found`."""
    account = session.get(Account, caller.id, with_for_update=lock or None)
    if account is None:
        raise not_found()
    return account
