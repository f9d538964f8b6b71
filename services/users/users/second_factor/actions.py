"""Setting up a second factor, giving a code of it, removing it.

Problems of wrong codes are returned, not raised: the transaction that counts them has to commit.
"""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import pyotp
from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.data import audit_log
from chassis.data.appointments import regions_of
from chassis.data.audit_log import Entry
from chassis.data.database import now
from chassis.data.encryption import fingerprint
from chassis.http.auth import Caller
from chassis.problems import Problem, second_factor_needed
from users.accounts.model import Account
from users.accounts.queries import get_own_account
from users.personal import mask_phone
from users.problems import no_second_factor, session_ended, used_code, wrong_code
from users.second_factor import rules
from users.second_factor.model import RecoveryCode, SecondFactor
from users.sessions.actions import end_all_sessions
from users.sessions.model import SignIn

ISSUER = "对接 Duijie"


@dataclass(frozen=True)
class Offer:
    """A new secret, shown once: as text, and as an address that authenticator apps read from a QR code."""

    secret: str
    otpauth_uri: str


@dataclass(frozen=True)
class Given:
    """The sign-in in which a second factor was given, and new recovery codes, if any."""

    sign_in: SignIn
    recovery_codes: list[str] = field(default_factory=list)


def offer_second_factor(session: Session, caller: Caller) -> Offer:
    """Make a secret for the caller's authenticator app. Until a code of it is given, an earlier one goes on counting.

    Raises `second_factor_needed` when the caller has a second factor and did not give it in this sign-in.
    """
    session.execute(insert(SecondFactor).values(account_id=caller.id, wrong_codes=0).on_conflict_do_nothing())
    factor = session.get_one(SecondFactor, caller.id, with_for_update=True)
    if factor.secret and not caller.gave_second_factor:
        raise second_factor_needed()
    factor.offered_secret = pyotp.random_base32()
    name = mask_phone(get_own_account(session, caller).phone)
    return Offer(factor.offered_secret, pyotp.TOTP(factor.offered_secret).provisioning_uri(name=name, issuer_name=ISSUER))


def confirm_second_factor(session: Session, caller: Caller, code: str) -> Given | Problem:
    """Make the offered secret the caller's second factor by a first code of it, and make ten new recovery codes."""
    factor = _lock(session, caller.id)
    if factor is None or factor.offered_secret is None:
        raise no_second_factor()
    at = now()
    if problem := rules.find_delay_problem(factor, at):
        return problem
    step = rules.find_step(factor.offered_secret, code, at)
    if step is None:
        return _count_wrong_code(factor, at)
    factor.secret, factor.offered_secret, factor.confirmed_at = factor.offered_secret, None, at
    factor.last_step, factor.wrong_codes, factor.wrong_at = step, 0, None
    return Given(_note_in_sign_in(session, caller, at), _replace_recovery_codes(session, caller.id))


def give_second_factor(session: Session, caller: Caller, code: str | None, recovery_code: str | None) -> Given | Problem:
    """Give a code, or a recovery code, in the caller's sign-in. Each counts once; five wrong ones in a row delay the next."""
    factor = _lock(session, caller.id)
    if factor is None or factor.secret is None:
        raise no_second_factor()
    at = now()
    if problem := rules.find_delay_problem(factor, at):
        return problem
    if recovery_code is not None:
        if not _use_recovery_code(session, caller.id, recovery_code, at):
            return _count_wrong_code(factor, at)
    else:
        step = rules.find_step(factor.secret, code or "", at)
        if step is None:
            return _count_wrong_code(factor, at)
        if factor.last_step is not None and step <= factor.last_step:
            return used_code(retry_after_seconds=rules.PERIOD_SECONDS - int(at.timestamp()) % rules.PERIOD_SECONDS)
        factor.last_step = step
    factor.wrong_codes, factor.wrong_at = 0, None
    return Given(_note_in_sign_in(session, caller, at))


def renew_recovery_codes(session: Session, caller: Caller) -> list[str]:
    """Replace the caller's recovery codes by ten new ones. Raises `second_factor_needed` unless it was given in this sign-in."""
    factor = _lock(session, caller.id)
    if factor is None or factor.secret is None:
        raise no_second_factor()
    if not caller.gave_second_factor:
        raise second_factor_needed()
    return _replace_recovery_codes(session, caller.id)


def remove_second_factor(session: Session, caller: Caller, account_id: UUID, reason: str) -> None:
    """Remove the second factor of an administrator who lost it, as one of a wider region. They set up another one.

    With the reason `misuse` all their sessions end too.
    """
    offices = regions_of(session, account_id)
    if problem := rules.find_removal_problem(caller, account_id, offices):
        raise problem
    if not clear_second_factor(session, account_id):
        raise no_second_factor()
    audit_log.record(
        session,
        caller,
        *(
            Entry(
                act="remove_second_factor",
                subject="account",
                subject_id=account_id,
                person_id=account_id,
                region=region,
                details={"reason": reason},
            )
            for region in offices
        ),
    )
    if reason == "misuse":
        end_all_sessions(session, session.get_one(Account, account_id), "misuse", actor=caller)


def clear_second_factor(session: Session, account_id: UUID) -> bool:
    """Delete a second factor and its recovery codes; the account's sign-ins no longer have it. Return whether there was one."""
    factor = _lock(session, account_id)
    if factor is None:
        return False
    session.delete(factor)
    session.execute(delete(RecoveryCode).where(RecoveryCode.account_id == account_id))
    session.execute(update(SignIn).where(SignIn.account_id == account_id).values(second_factor_at=None))
    return True


def _lock(session: Session, account_id: UUID) -> SecondFactor | None:
    """Lock the factor: of two requests with the same code the second one finds it used."""
    return session.get(SecondFactor, account_id, with_for_update=True)


def _count_wrong_code(factor: SecondFactor, at: datetime) -> Problem:
    factor.wrong_codes, factor.wrong_at = factor.wrong_codes + 1, at
    return wrong_code()


def _use_recovery_code(session: Session, account_id: UUID, code: str, at: datetime) -> bool:
    unused = select(RecoveryCode).where(
        RecoveryCode.account_id == account_id, RecoveryCode.code_fingerprint == fingerprint(code.upper()), RecoveryCode.used_at.is_(None)
    )
    found = session.scalars(unused).first()
    if found:
        found.used_at = at
    return found is not None


def _replace_recovery_codes(session: Session, account_id: UUID) -> list[str]:
    codes = rules.new_recovery_codes()
    session.execute(delete(RecoveryCode).where(RecoveryCode.account_id == account_id))
    session.add_all(RecoveryCode(account_id=account_id, code_fingerprint=fingerprint(code.replace("-", ""))) for code in codes)
    return codes


def _note_in_sign_in(session: Session, caller: Caller, at: datetime) -> SignIn:
    """Note that the caller's sign-in has the second factor. Raises `session_ended` when it has ended."""
    own = select(SignIn).where(SignIn.session_id == caller.session_id, SignIn.account_id == caller.id, SignIn.ended_at.is_(None))
    sign_in = session.scalars(own.with_for_update()).first() if caller.session_id else None
    if sign_in is None:
        raise session_ended()
    sign_in.second_factor_at = at
    return sign_in
