"""Registering: a code is asked for, and makes the account."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.http.auth import STAFF
from chassis.problems import Problem
from users.accounts import actions as accounts
from users.accounts import passwords
from users.accounts.model import Account
from users.codes import actions as codes
from users.codes.asking import Asker
from users.codes.model import CodeRequest
from users.holders import actions as holders
from users.households.actions import give_account
from users.households.model import Household
from users.households.queries import find_noted_household
from users.problems import household_unknown, phone_taken
from users.sessions.actions import Client, SignedIn, end_all_sessions, start_session


def request_registration(session: Session, asker: Asker, wanted: Mapping[str, Any]) -> CodeRequest:
    """Ask for the code that makes an account. Raises `weak_password` and `too_many_codes`; the phone itself is not judged."""
    kept = {name: wanted.get(name) for name in ("kind", "name", "region", "campaign")}
    password = wanted.get("password")
    if password is not None:
        passwords.require_strong(password, wanted["phone"], wanted["name"], wanted["region"], is_staff=wanted["kind"] in STAFF)
    kept["password_hash"] = passwords.hash_password(password) if password is not None else None
    return codes.request_code(session, asker, "registration", wanted["phone"], json.dumps(kept, ensure_ascii=False))


def register(session: Session, request_id: UUID, code: str, client: Client) -> SignedIn | Problem:
    """Make the account of a right code and sign it in. Accounts that only claim the phone are closed.

    Returns `phone_taken` when an account has proven this phone before, and `household_unknown` when no village noted it for a household.
    """
    request = codes.use_code(session, "registration", request_id, code)
    if isinstance(request, Problem):
        return request
    wanted = json.loads(request.wanted or "{}")
    request.wanted = None
    holders.lock_phones(session, request.phone_fingerprint)
    if holders.find_holder(session, request.phone_fingerprint):
        return phone_taken()
    made = _enter_household(session, request, wanted) if wanted["kind"] == "household" else _enter(session, request, wanted)
    return made if isinstance(made, Problem) else start_session(session, made, client)


def _enter(session: Session, request: CodeRequest, wanted: Mapping[str, Any]) -> Account:
    """Write a proven account."""
    holders.close_claimants(session, request.phone_fingerprint)
    account = accounts.new_account({**wanted, "phone": request.phone}, wanted["password_hash"], now())
    accounts.enter_account(session, account)
    holders.record(session, account, "register", account)
    return account


def _enter_household(session: Session, request: CodeRequest, wanted: Mapping[str, Any]) -> Account | Problem:
    """Give the household its account: the one that its village made before codes, or a new one."""
    key = request.phone_fingerprint
    claimants = {account.id: account for account in holders.find_claimants(session, key)}
    claimed_id = session.scalar(select(Household.account_id).where(Household.account_id.in_(claimants)))
    claimed = claimants[claimed_id] if claimed_id else None
    if claimed:
        claimed.password_hash = wanted["password_hash"]
        end_all_sessions(session, claimed, "phone_proven")
        holders.prove(session, claimed)
        return claimed
    household = find_noted_household(session, key, wanted["name"])
    if household is None:
        return household_unknown()
    stated = {"name": household.name, "region": household.region}
    account = _enter(session, request, {**wanted, **stated})
    give_account(session, household, account.id)
    return account
