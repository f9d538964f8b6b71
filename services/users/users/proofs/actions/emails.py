"""The e-mail address of an account: proven by a code that was mailed to it, changed in the same way, removed at once."""

from uuid import UUID

from sqlalchemy.orm import Session

from chassis.http.auth import Caller
from chassis.problems import Problem, not_found
from users.accounts.model import Account
from users.accounts.queries import get_own_account
from users.codes import actions as codes
from users.codes.asking import Asker
from users.codes.model import CodeRequest
from users.holders import actions as holders


def request_email_change(session: Session, caller: Caller, asker: Asker, email: str) -> CodeRequest:
    """Ask for a code that is mailed to an address. Raises `too_many_codes`."""
    account = get_own_account(session, caller)
    return codes.request_code(session, asker, "email_change", email, account_id=account.id)


def change_email(session: Session, caller: Caller, request_id: UUID, code: str) -> Account | Problem:
    """Give one's account the address to which the code was mailed; it replaces an earlier one. Returns the problem with the code."""
    asked = session.get(CodeRequest, request_id)
    if asked is None or asked.account_id != caller.id:
        return not_found()
    used = codes.use_code(session, "email_change", request_id, code)
    if isinstance(used, Problem):
        return used
    account = get_own_account(session, caller, lock=True)
    account.email = used.phone
    session.flush()
    holders.record(session, caller, "change_email", account)
    return account


def remove_email(session: Session, caller: Caller) -> Account:
    """Remove the address of one's account; a second time changes nothing."""
    account = get_own_account(session, caller, lock=True)
    if account.email is not None:
        account.email = None
        session.flush()
        holders.record(session, caller, "remove_email", account)
    return account
