"""Signing in, refreshing tokens, signing out.

Problems are returned, not raised: the transaction that counts a wrong password or revokes a sign-in has to commit.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from sqlalchemy import case, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.data.encryption import fingerprint
from chassis.problems import Problem
from users.accounts import passwords
from users.accounts.model import Account
from users.problems import session_ended, session_revoked, wrong_credentials
from users.sessions import rules
from users.sessions.model import SignIn, WrongPasswords

LIFETIME = timedelta(days=30)


@dataclass(frozen=True)
class SignedIn:
    """The account that signed in or refreshed, and its next refresh token."""

    account: Account
    refresh_token: str


def sign_in(session: Session, phone: str, password: str) -> SignedIn | Problem:
    """Sign in by phone and password.

    A wrong password, an unknown phone and an account without a password give the same answer after the same work. Nothing is locked
    while the password is compared, so the count of wrong ones is read again before a right one is accepted.
    """
    key = fingerprint(phone)
    if problem := _find_sign_in_problem(session, key):
        return problem
    account = session.scalars(select(Account).where(Account.phone_fingerprint == key, Account.state == "active")).first()
    right = passwords.is_password(account.password_hash if account else None, password)
    if account is None or not right:
        return _count_wrong_password(session, key) or wrong_credentials()
    if problem := _find_sign_in_problem(session, key):
        return problem
    session.execute(delete(WrongPasswords).where(WrongPasswords.phone_fingerprint == key))
    return _start_sign_in(session, account)


def refresh_session(session: Session, token: str) -> SignedIn | Problem:
    """Replace the refresh token by the next one.

    For ten more seconds the replaced token gives the same next one, so that two simultaneous requests or a lost answer end nothing.
    Used later, or if it is older still, it is in two hands, and the sign-in ends for both.
    """
    found = _lock_sign_in(session, token)
    if found is None:
        return session_ended()
    sign_in, secret = found
    at = now()
    if problem := rules.find_refresh_problem(sign_in, at):
        return problem
    token_hash = _hash(secret)
    match rules.use_of_token(sign_in, token_hash, at):
        case "first":
            sign_in.salt = secrets.token_bytes(32)
            sign_in.replaced_hash, sign_in.token_hash = token_hash, _hash(_next_secret(secret, sign_in.salt))
            sign_in.refreshed_at, sign_in.expires_at = at, at + LIFETIME
        case "reused":
            sign_in.ended_at, sign_in.ended_because = at, "reuse"
            return session_revoked()
    account = session.get_one(Account, sign_in.account_id)
    if account.state != "active":
        return session_ended()
    return SignedIn(account, _encode_token(sign_in.id, _next_secret(secret, sign_in.salt or b"")))


def end_session(session: Session, token: str) -> None:
    """Sign out. An invalid token, or one of an ended sign-in, changes nothing."""
    found = _lock_sign_in(session, token)
    if found and not found[0].ended_at:
        found[0].ended_at, found[0].ended_because = now(), "signed_out"


def delete_expired(session: Session) -> None:
    """Delete sign-ins that expired a day ago or more, and wrong passwords that no longer count."""
    session.execute(delete(SignIn).where(SignIn.expires_at < now() - timedelta(days=1)))
    session.execute(delete(WrongPasswords).where(WrongPasswords.since < now() - rules.WRONG_PASSWORDS_COUNT_FOR))


def _find_sign_in_problem(session: Session, key: bytes) -> Problem | None:
    counted = select(WrongPasswords.tries, WrongPasswords.since).where(WrongPasswords.phone_fingerprint == key)
    row = session.execute(counted).first()
    return rules.find_sign_in_problem(row.tries, row.since, now()) if row else None


def _count_wrong_password(session: Session, key: bytes) -> Problem | None:
    at = now()
    row = insert(WrongPasswords).values(phone_fingerprint=key, tries=1, since=at)
    goes_on = WrongPasswords.since > at - rules.WRONG_PASSWORDS_COUNT_FOR
    counted = session.execute(
        row.on_conflict_do_update(
            index_elements=["phone_fingerprint"],
            set_={"tries": case((goes_on, WrongPasswords.tries + 1), else_=1), "since": case((goes_on, WrongPasswords.since), else_=at)},
        ).returning(WrongPasswords.tries, WrongPasswords.since)
    ).one()
    # The count includes this wrong password.
    return rules.find_sign_in_problem(counted.tries - 1, counted.since, at)


def _start_sign_in(session: Session, account: Account) -> SignedIn:
    secret, at = secrets.token_bytes(32), now()
    # A random id, not a UUIDv7: a known id with a wrong secret ends the sign-in, so ids must not be guessable.
    sign_in = SignIn(id=uuid4(), account_id=account.id, token_hash=_hash(secret), started_at=at, refreshed_at=at, expires_at=at + LIFETIME)
    session.add(sign_in)
    session.flush()
    return SignedIn(account, _encode_token(sign_in.id, secret))


def _lock_sign_in(session: Session, token: str) -> tuple[SignIn, bytes] | None:
    try:
        read = base64.b64decode(token, altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return None
    if len(read) != 48:
        return None
    sign_in = session.get(SignIn, UUID(bytes=read[:16]), with_for_update=True)
    return (sign_in, read[16:]) if sign_in else None


def _encode_token(sign_in_id: UUID, secret: bytes) -> str:
    return base64.urlsafe_b64encode(sign_in_id.bytes + secret).decode()


def _next_secret(secret: bytes, salt: bytes) -> bytes:
    """Derive the secret of the next token. It takes this secret and the salt, so the database alone does not reveal it."""
    return hmac.digest(secret, salt, hashlib.sha256)


def _hash(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()
