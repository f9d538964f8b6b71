"""Signing in, renewing sessions, ending them.

Problems are returned, not raised: the transaction that counts a wrong password or ends a session has to commit.
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import case, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.data import ended_sessions
from chassis.data.database import now
from chassis.data.encryption import fingerprint
from chassis.http.auth import STAFF, Caller
from chassis.messaging import outbox
from chassis.problems import Problem, not_found
from users.accounts import passwords
from users.accounts.model import Account
from users.problems import session_ended, session_revoked, wrong_credentials
from users.sessions import events, rules
from users.sessions.model import SignIn, WrongPasswords
from users.sessions.refresh_tokens import RefreshToken, find_current


@dataclass(frozen=True)
class Client:
    """The program that signs in: its secret key if it has one, the kind of its device, and the label that its user gave it.

    `by_cookie` tells that its tokens are in cookies.
    """

    key: str | None = None
    device: str = "other"
    label: str | None = None
    by_cookie: bool = False


@dataclass(frozen=True)
class SignedIn:
    """An account, its session that was started or renewed, and the refresh token of the session."""

    account: Account
    sign_in: SignIn
    refresh_token: str


def sign_in(session: Session, phone: str, password: str, client: Client) -> SignedIn | Problem:
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
    return start_session(session, account, client)


def start_session(session: Session, account: Account, client: Client) -> SignedIn:
    """Start a session of an account that has proven who it is."""
    # A random id, not a UUIDv7: with the id of a session alone, nobody can make the service compute its tokens.
    token, at = RefreshToken.new(uuid4()), now()
    started = SignIn(
        id=token.id,
        account_id=account.id,
        token_hash=token.digest(),
        salt=secrets.token_bytes(32),
        renewals=0,
        client_key_hash=_hash_key(client.key) if client.key else None,
        device=client.device,
        label=client.label,
        started_at=at,
        refreshed_at=at,
        expires_at=at + rules.IDLE,
        ends_at=at + rules.LONGEST,
    )
    session.add(started)
    session.flush()
    return SignedIn(account, started, token.write())


def renew_session(session: Session, written: str, client_key: str | None) -> SignedIn | Problem:
    """Replace the current refresh token by the next one, or repeat the current one to whoever may have missed it.

    A token that only a thief can have sent ends the session. A token that never was one of the session ends nothing.
    """
    found = _lock_sign_in(session, written)
    if found is None:
        return session_ended()
    renewed, token = found
    at = now()
    if problem := rules.find_refresh_problem(renewed, at):
        return problem
    salt = renewed.salt or secrets.token_bytes(32)
    known = find_current(token, salt, renewed.token_hash, renewed.renewals)
    if known is None:
        return session_ended()
    current, behind = known
    account = session.get_one(Account, renewed.account_id)
    use = rules.judge_token(renewed, behind, _has_key(renewed, client_key), at)
    if use == "stolen":
        _end(session, account.kind, [renewed], "reuse", at)
        return session_revoked()
    if account.state != "active":
        return session_ended()
    if use == "renew":
        current = current.next(salt)
        renewed.salt, renewed.token_hash, renewed.renewals = salt, current.digest(), renewed.renewals + 1
        renewed.refreshed_at, renewed.expires_at = at, min(at + rules.IDLE, renewed.ends_at)
    elif use == "repeat_late":
        renewed.repeated_renewal = renewed.renewals
    return SignedIn(account, renewed, current.write())


def end_session(session: Session, written: str) -> None:
    """Sign out. A token that never was one of a session, or one of an ended session, changes nothing."""
    found = _lock_sign_in(session, written)
    if found is None or found[0].ended_at:
        return
    ending, token = found
    if find_current(token, ending.salt or b"", ending.token_hash, ending.renewals):
        _end(session, session.get_one(Account, ending.account_id).kind, [ending], "signed_out", now())


def end_own_session(session: Session, caller: Caller, session_id: UUID) -> None:
    """End one of the caller's sessions; one that has ended stays as it is. Raises `not_found` for sessions of others."""
    own = select(SignIn).where(SignIn.session_id == session_id, SignIn.account_id == caller.id)
    found = session.scalars(own.with_for_update()).first()
    if found is None:
        raise not_found()
    if not found.ended_at:
        _end(session, caller.kind, [found], "ended", now())


def end_all_sessions(session: Session, account: Account, because: str, keep: UUID | None = None) -> None:
    """End all sessions of an account, except the session `keep`.

    Change the account first: a sign-in that meets this waits for the account's row, and then finds it changed.
    """
    open_ones = select(SignIn).where(SignIn.account_id == account.id, SignIn.ended_at.is_(None), SignIn.session_id != keep)
    _end(session, account.kind, session.scalars(open_ones.order_by(SignIn.id).with_for_update()).all(), because, now())


def delete_expired(session: Session) -> None:
    """Delete sessions that expired a day ago or more, and wrong passwords that no longer count."""
    session.execute(delete(SignIn).where(SignIn.expires_at < now() - timedelta(days=1)))
    session.execute(delete(WrongPasswords).where(WrongPasswords.since < now() - rules.WRONG_PASSWORDS_COUNT_FOR))


def _end(session: Session, kind: str, ending: Sequence[SignIn], because: str, at: datetime) -> None:
    """End sessions of one account. The end of sessions of staff is published; this service goes by it at once."""
    for one in ending:
        one.ended_at, one.ended_because = at, because
    session.flush()
    if kind in STAFF:
        told = [events.session_ended(one.session_id, one.account_id, at) for one in ending]
        ended_sessions.record(session, told)
        outbox.add(session, *told)


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


def _lock_sign_in(session: Session, written: str) -> tuple[SignIn, RefreshToken] | None:
    token = RefreshToken.read(written)
    found = session.get(SignIn, token.id, with_for_update=True) if token else None
    return (found, token) if found and token else None


def _has_key(sign_in: SignIn, key: str | None) -> bool:
    return bool(key and sign_in.client_key_hash and hmac.compare_digest(_hash_key(key), sign_in.client_key_hash))


def _hash_key(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
