"""Signing in, renewing sessions, ending them.

Problems are returned, not raised: the transaction that ends a session has to commit.
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from chassis.data import audit_log, ended_sessions
from chassis.data.audit_log import GUEST, Actor, Entry
from chassis.data.database import now
from chassis.data.encryption import fingerprint
from chassis.http.auth import STAFF, Caller
from chassis.messaging import outbox
from chassis.problems import Problem, not_found
from users.accounts import passwords
from users.accounts.model import Account
from users.codes.actions import request_code
from users.codes.asking import Asker
from users.problems import proof_needed, session_ended, session_revoked, wrong_credentials
from users.sessions import events, rules
from users.sessions.model import SignIn
from users.sessions.refresh_tokens import RefreshToken, find_current
from users.throttling import actions as throttling
from users.throttling.actions import Attempt


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


def sign_in(session: Session, attempt: Attempt, asker: Asker, phone: str, password: str, client: Client) -> SignedIn | Problem:
    """Sign in by phone and password, as an attempt that was counted already.

    A wrong password, an unknown phone and an account without a password give the same answer after the same work. Nothing is locked
    while the password is compared, so the account is read again before a right one is accepted. The right password of an account that
    never proved its phone asks for a code (`proof_needed`).
    """
    account, is_right = _find_by_password(session, fingerprint(phone), password)
    if account is None or not is_right:
        return _refuse(session, account)
    compared = account.password_hash
    session.refresh(account, with_for_update={"read": True})
    if account.state != "active" or account.password_hash != compared:
        return _refuse(session, account)
    if account.proven_at is None:
        # The count of wrong passwords goes on: anybody may claim a phone with a password of their own.
        request = request_code(session, asker, "sign_in", account.phone, account_id=account.id)
        return proof_needed(members={"code_id": str(request.id), "expires_at": request.expires_at.isoformat()})
    throttling.count_right(session, attempt)
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
    audit_log.record(session, account, _entry("sign_in", account, started, device=client.device))
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
        _end(session, GUEST, account, [renewed], "reuse")
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
        account = session.get_one(Account, ending.account_id)
        _end(session, account, account, [ending], "signed_out")


def end_own_session(session: Session, caller: Caller, session_id: UUID) -> None:
    """End one of the caller's sessions; one that has ended stays as it is. Raises `not_found` for sessions of others."""
    own = select(SignIn).where(SignIn.session_id == session_id, SignIn.account_id == caller.id)
    found = session.scalars(own.with_for_update()).first()
    if found is None:
        raise not_found()
    if not found.ended_at:
        _end(session, caller, session.get_one(Account, caller.id), [found], "ended")


def end_all_sessions(session: Session, account: Account, because: str, keep: UUID | None = None, actor: Actor | None = None) -> None:
    """End all sessions of an account, except the session `keep`; `actor` is whoever ends them, if it is not the account itself.

    Change the account first: a sign-in that meets this waits for the account's row, and then finds it changed.
    """
    open_ones = select(SignIn).where(SignIn.account_id == account.id, SignIn.ended_at.is_(None), SignIn.session_id != keep)
    _end(session, actor or account, account, session.scalars(open_ones.order_by(SignIn.id).with_for_update()).all(), because)


def delete_expired(session: Session) -> None:
    """Delete sessions that expired a day ago or more."""
    session.execute(delete(SignIn).where(SignIn.expires_at < now() - timedelta(days=1)))


def _end(session: Session, actor: Actor, account: Account, ending: Sequence[SignIn], because: str) -> None:
    """End sessions of one account, and publish it: of staff to every service, of others to whoever holds their streams.

    This service goes by the end of sessions of staff at once.
    """
    at = now()
    for one in ending:
        one.ended_at, one.ended_because = at, because
    session.flush()
    audit_log.record(session, actor, *(_entry("end_session", account, one, because=because) for one in ending))
    if account.kind in STAFF:
        told = [events.session_ended(one) for one in ending]
        ended_sessions.record(session, told)
        outbox.add(session, *told)
    else:
        outbox.add(session, *map(events.sign_in_ended, ending))


def _refuse(session: Session, account: Account | None) -> Problem:
    """Record a failed sign-in. One for a phone without an account is recorded too, so that both take the same time."""
    who = account.id if account else None
    region = account.region if account else ""
    failed = Entry(act="sign_in", outcome=wrong_credentials.code, subject="account", subject_id=who, person_id=who, region=region)
    audit_log.record(session, GUEST, failed)
    return wrong_credentials()


def _entry(act: str, account: Account, sign_in: SignIn, **details: str) -> Entry:
    return Entry(act=act, subject="session", subject_id=sign_in.session_id, person_id=account.id, region=account.region, details=details)


def _find_by_password(session: Session, key: bytes, password: str) -> tuple[Account | None, bool]:
    """Find the account of a phone that has this password, or else the first account of the phone; tell whether the password is right.

    Two are compared, or stand-ins: the one that proved the phone, else the oldest that only claims it; and the newest that only claims
    it. Whoever claims the phone of somebody else thus learns nothing of whether it has an account.
    """
    named = select(Account).where(Account.phone_fingerprint == key, Account.state == "active")
    first = session.scalars(named.order_by(Account.proven_at.is_(None), Account.registered_at, Account.id).limit(1)).first()
    is_first = passwords.is_password(first.password_hash if first else None, password)
    if first and first.proven_at and is_first:
        return first, True
    claiming = named.where(Account.proven_at.is_(None), Account.id != (first.id if first else None))
    newest = session.scalars(claiming.order_by(Account.registered_at.desc(), Account.id.desc()).limit(1)).first()
    is_newest = passwords.is_password(newest.password_hash if newest else None, password)
    return (newest, True) if is_newest and not is_first else (first, is_first)


def _lock_sign_in(session: Session, written: str) -> tuple[SignIn, RefreshToken] | None:
    token = RefreshToken.read(written)
    found = session.get(SignIn, token.id, with_for_update=True) if token else None
    return (found, token) if found and token else None


def _has_key(sign_in: SignIn, key: str | None) -> bool:
    return bool(key and sign_in.client_key_hash and hmac.compare_digest(_hash_key(key), sign_in.client_key_hash))


def _hash_key(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
