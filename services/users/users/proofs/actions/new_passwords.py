"""Setting, changing and resetting passwords. All other sessions of the account end."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.http import versions
from chassis.http.auth import STAFF, Caller
from chassis.problems import Problem
from users.accounts import passwords
from users.accounts.model import Account
from users.accounts.queries import get_own_account
from users.codes import actions as codes
from users.codes.asking import Asker
from users.codes.model import CodeRequest
from users.holders import actions as holders
from users.problems import weak_password, wrong_code, wrong_password
from users.sessions.actions import Client, SignedIn, end_all_sessions, start_session
from users.throttling import actions as throttling
from users.throttling.actions import Attempt


def request_password_reset(session: Session, asker: Asker, phone: str) -> CodeRequest:
    """Ask for a code to choose a new password. Raises `too_many_codes`; a phone without an account is answered and counted alike."""
    return codes.request_code(session, asker, "password_reset", phone)


def reset_password(session: Session, request_id: UUID, code: str, password: str, client: Client) -> SignedIn | Problem:
    """Choose a new password by a code and sign in. With a password that is too weak the code may be used again."""
    request = codes.use_code(session, "password_reset", request_id, code)
    if isinstance(request, Problem):
        return request
    holders.lock_phones(session, request.phone_fingerprint)
    account = holders.find_to_sign_in(session, request.phone_fingerprint, None)
    if account is None:
        return wrong_code()
    if problem := _find_weakness(account, password):
        request.used_at = None
        return problem
    _set(session, account, password)
    return start_session(session, account, client)


def change_password(session: Session, caller: Caller, attempt: Attempt | None, wanted: Mapping[str, Any]) -> Problem | None:
    """Set or change one's password, by the old one or by a code of the purpose `password_reset` for the own phone.

    `attempt` is the counted try of the old one.
    """
    account = get_own_account(session, caller, lock=True)
    versions.check_if_match(session, account)
    if problem := _find_weakness(account, wanted["password"]):
        return problem
    if "code_id" in wanted:
        request = codes.use_code(session, "password_reset", wanted["code_id"], wanted["code"])
        if isinstance(request, Problem):
            return request
        if request.phone_fingerprint != account.phone_fingerprint:
            return wrong_code()
    elif not passwords.is_password(account.password_hash, wanted["old_password"]):
        return wrong_password()
    elif attempt:
        throttling.count_right(session, attempt)
    _set(session, account, wanted["password"], caller.session_id)
    return None


def _find_weakness(account: Account, password: str) -> Problem | None:
    try:
        passwords.require_strong(password, account.phone, account.name, account.region, is_staff=account.kind in STAFF)
    except weak_password as problem:
        return problem
    return None


def _set(session: Session, account: Account, password: str, keep: UUID | None = None) -> None:
    account.password_hash = passwords.hash_password(password)
    holders.record(session, account, "set_password", account)
    end_all_sessions(session, account, "new_password", keep)
