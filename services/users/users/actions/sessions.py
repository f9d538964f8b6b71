"""Signing in, staying signed in, signing out.

What goes wrong is returned, not raised: the transaction that counts a wrong password or revokes a sign-in has to commit.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import case, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.data.encryption import fingerprint
from chassis.problems import Problem
from users import passwords
from users.model import Account, SignIn, WrongPasswords
from users.problems import session_ended, session_revoked, too_many_attempts, wrong_credentials

LIFETIME = timedelta(days=30)
GRACE = timedelta(seconds=10)
MOST_WRONG = 10
WRONG_WITHIN = timedelta(minutes=15)


@dataclass(frozen=True)
class Opened:
    """A sign-in that goes on: whose it is, and the refresh token for the next time."""

    account: Account
    refresh_token: str


def sign_in(session: Session, phone: str, password: str) -> Opened | Problem:
    """Gives the same answer after the same work for a wrong password, an unknown phone and an account without a password.

    Nothing is locked while the password is compared; so what others counted meanwhile is asked again before a right one counts.
    """
    key = fingerprint(phone)
    if refusal := _refusal(session, key):
        return refusal
    account = session.scalars(select(Account).where(Account.phone_fingerprint == key, Account.state == "active")).first()
    right = passwords.matches(account.password_hash if account else None, password)
    if account is None or not right:
        return _count_wrong(session, key) or wrong_credentials()
    if refusal := _refusal(session, key):
        return refusal
    session.execute(delete(WrongPasswords).where(WrongPasswords.phone_fingerprint == key))
    return _open(session, account)


def refresh_session(session: Session, token: str) -> Opened | Problem:
    """Replace the refresh token by the next one.

    The token just replaced gives the same next one for ten seconds more, so that of two at once, or after an answer that got lost,
    nobody is shut out; later, or if it is older still, two hold it, and the sign-in ends for both.
    """
    found = _find(session, token)
    if found is None:
        return session_ended()
    sign_in, secret = found
    at = now()
    if sign_in.ended_at:
        return session_revoked() if sign_in.ended_because == "reuse" else session_ended()
    if sign_in.expires_at < at:
        return session_ended()
    presented = _hash(secret)
    if presented == sign_in.token_hash:
        sign_in.salt = secrets.token_bytes(32)
        sign_in.replaced_hash, sign_in.token_hash = presented, _hash(_next(secret, sign_in.salt))
        sign_in.refreshed_at, sign_in.expires_at = at, at + LIFETIME
    elif presented != sign_in.replaced_hash or at - sign_in.refreshed_at > GRACE:
        sign_in.ended_at, sign_in.ended_because = at, "reuse"
        return session_revoked()
    account = session.get_one(Account, sign_in.account_id)
    if account.state != "active":
        return session_ended()
    return Opened(account, _write(sign_in.id, _next(secret, sign_in.salt or b"")))


def end_session(session: Session, token: str) -> None:
    """Sign out. A token that is none, or whose sign-in has ended, changes nothing."""
    found = _find(session, token)
    if found and not found[0].ended_at:
        found[0].ended_at, found[0].ended_because = now(), "signed_out"


def forget(session: Session) -> None:
    """Drop sign-ins that expired a day ago or more, and wrong passwords that no longer count."""
    session.execute(delete(SignIn).where(SignIn.expires_at < now() - timedelta(days=1)))
    session.execute(delete(WrongPasswords).where(WrongPasswords.since < now() - WRONG_WITHIN))


def _refusal(session: Session, key: bytes) -> Problem | None:
    counted = select(WrongPasswords.tries, WrongPasswords.since).where(WrongPasswords.phone_fingerprint == key)
    row = session.execute(counted).first()
    return _too_many(row.since) if row and row.tries >= MOST_WRONG and row.since > now() - WRONG_WITHIN else None


def _count_wrong(session: Session, key: bytes) -> Problem | None:
    at = now()
    row = insert(WrongPasswords).values(phone_fingerprint=key, tries=1, since=at)
    goes_on = WrongPasswords.since > at - WRONG_WITHIN
    counted = session.execute(
        row.on_conflict_do_update(
            index_elements=["phone_fingerprint"],
            set_={"tries": case((goes_on, WrongPasswords.tries + 1), else_=1), "since": case((goes_on, WrongPasswords.since), else_=at)},
        ).returning(WrongPasswords.tries, WrongPasswords.since)
    ).one()
    return _too_many(counted.since) if counted.tries > MOST_WRONG else None


def _too_many(since: datetime) -> Problem:
    return too_many_attempts(retry_after_seconds=max(1, round((since + WRONG_WITHIN - now()).total_seconds())))


def _open(session: Session, account: Account) -> Opened:
    secret, at = secrets.token_bytes(32), now()
    # Random and not a UUIDv7: a known id and a wrong secret end the sign-in, so nobody may guess ids.
    sign_in = SignIn(id=uuid4(), account_id=account.id, token_hash=_hash(secret), started_at=at, refreshed_at=at, expires_at=at + LIFETIME)
    session.add(sign_in)
    session.flush()
    return Opened(account, _write(sign_in.id, secret))


def _find(session: Session, token: str) -> tuple[SignIn, bytes] | None:
    try:
        read = base64.b64decode(token, altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return None
    if len(read) != 48:
        return None
    sign_in = session.get(SignIn, UUID(bytes=read[:16]), with_for_update=True)
    return (sign_in, read[16:]) if sign_in else None


def _write(sign_in_id: UUID, secret: bytes) -> str:
    return base64.urlsafe_b64encode(sign_in_id.bytes + secret).decode()


def _next(secret: bytes, salt: bytes) -> bytes:
    """The token after this one: known again to who presents this one, to nobody who reads the salt in the database."""
    return hmac.digest(secret, salt, hashlib.sha256)


def _hash(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()
