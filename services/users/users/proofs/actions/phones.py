"""Changing the phone of an account: by codes to both phones, or by an administrator with a reason."""

import json
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.data.appointments import regions_of
from chassis.data.database import now
from chassis.data.encryption import fingerprint
from chassis.http.auth import Caller
from chassis.messaging import outbox
from chassis.problems import Problem, not_found
from users.accounts.events import user_registered
from users.accounts.model import Account
from users.accounts.queries import get_own_account
from users.accounts.rules import find_phone_problem
from users.codes import actions as codes
from users.codes.asking import Asker
from users.codes.model import CodeRequest
from users.holders import actions as holders
from users.problems import phone_taken
from users.sessions.actions import end_all_sessions


def request_phone_change(session: Session, caller: Caller, asker: Asker, phone: str) -> CodeRequest:
    """Ask for two codes, one to the present phone and one to the new one. Returns the request of the new phone's code."""
    account = get_own_account(session, caller)
    old = codes.request_code(session, asker, "phone_change", account.phone, account_id=account.id)
    return codes.request_code(session, asker, "phone_change", phone, json.dumps({"old_phone_request": str(old.id)}), account.id)


def change_phone(session: Session, caller: Caller, request_id: UUID, old_code: str, new_code: str) -> Account | Problem:
    """Change one's phone by both codes. Returns `phone_taken` when another account has proven the new phone."""
    asked = session.get(CodeRequest, request_id)
    if asked is None or asked.account_id != caller.id or asked.purpose != "phone_change" or asked.wanted is None:
        return not_found()
    used = codes.use_codes(session, "phone_change", {UUID(json.loads(asked.wanted)["old_phone_request"]): old_code, request_id: new_code})
    if isinstance(used, Problem):
        return used
    account = get_own_account(session, caller)
    # Phones before accounts, as signing in by a code locks them.
    holders.lock_phones(session, account.phone_fingerprint, asked.phone_fingerprint)
    session.refresh(account, with_for_update=True)
    if any(request.phone_fingerprint != account.phone_fingerprint for request in used if request.id != request_id):
        return not_found()
    if (holder := holders.find_holder(session, asked.phone_fingerprint)) and holder.id != account.id:
        return phone_taken()
    _move(session, account, asked.phone)
    holders.record(session, account, "change_phone", account)
    holders.prove(session, account)
    return account


def set_phone(session: Session, caller: Caller, account_id: UUID, phone: str, reason: str) -> Account:
    """Give an account of the caller's regions another phone, as an administrator. Its sessions end; the phone has to be proven.

    The account's password stays and is needed for the next sign-in, beside a code to the new phone. Raises `not_found` and `phone_taken`.
    """
    account, key = session.get(Account, account_id), fingerprint(phone)
    if account is None:
        raise not_found()
    holders.lock_phones(session, account.phone_fingerprint, key)
    session.refresh(account, with_for_update=True)
    if account.state != "active":
        raise not_found()
    offices = regions_of(session, account.id)
    if problem := find_phone_problem(caller, account, offices):
        raise problem
    if holders.find_holder(session, key):
        raise phone_taken()
    _move(session, account, phone)
    account.proven_at, account.phone_set_by = None, caller.id
    holders.record(session, caller, "set_phone", account, offices=offices, reason=reason)
    end_all_sessions(session, account, "phone_set", actor=caller)
    return account


def _move(session: Session, account: Account, phone: str) -> None:
    account.phone, account.phone_fingerprint = phone, fingerprint(phone)
    account.proven_at = account.proven_at or now()
    account.version += 1
    session.flush()
    outbox.add(session, user_registered(account))
