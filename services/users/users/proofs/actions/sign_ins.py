"""Signing in by a code."""

from uuid import UUID

from sqlalchemy.orm import Session

from chassis.problems import Problem
from users.codes import actions as codes
from users.codes.asking import Asker
from users.codes.model import CodeRequest
from users.holders import actions as holders
from users.problems import wrong_code
from users.sessions.actions import Client, SignedIn, start_session


def request_sign_in_code(session: Session, asker: Asker, phone: str) -> CodeRequest:
    """Ask for a code to sign in. Raises `too_many_codes`; a phone without an account is answered and counted alike."""
    return codes.request_code(session, asker, "sign_in", phone)


def sign_in_by_code(session: Session, request_id: UUID, code: str, client: Client) -> SignedIn | Problem:
    """Sign in to the account of the phone; an account that never proved it has proven it now."""
    request = codes.use_code(session, "sign_in", request_id, code)
    if isinstance(request, Problem):
        return request
    holders.lock_phones(session, request.phone_fingerprint)
    account = holders.find_to_sign_in(session, request.phone_fingerprint, request.account_id)
    return start_session(session, account, client) if account else wrong_code()
