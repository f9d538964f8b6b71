"""Proving phones, and closing the accounts that only claim them."""

from collections.abc import Collection, Iterable
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from chassis.data import audit_log
from chassis.data.audit_log import GUEST, Actor, Entry
from chassis.data.bulk_sql import lock_keys
from chassis.data.database import now
from users.accounts.model import Account
from users.appointments import actions as appointments
from users.households.actions import take_account
from users.sessions.actions import end_all_sessions

LOCKS = 0x70686F6E
"""The class of advisory locks for phones."""


def lock_phones(session: Session, *fingerprints: bytes) -> None:
    """Keep others from changing the holders of these phones until the transaction ends."""
    lock_keys(session, LOCKS, fingerprints)


def find_holder(session: Session, fingerprint: bytes) -> Account | None:
    """Find the active account that proved a phone."""
    return session.scalars(_active(fingerprint).where(Account.proven_at.is_not(None))).first()


def find_claimants(session: Session, *fingerprints: bytes) -> list[Account]:
    """Find the active accounts that name one of these phones and never proved it, the oldest first."""
    claiming = _active(*fingerprints).where(Account.proven_at.is_(None))
    return list(session.scalars(claiming.order_by(Account.registered_at, Account.id)))


def prove(session: Session, account: Account, actor: Actor | None = None) -> None:
    """Make an account the holder of its phone, and close those that only claim it. The phone is locked and has no holder.

    `actor` is the operator's command that vouches for the phone, if it is not the account itself.
    """
    account.proven_at, account.phone_set_by = now(), None
    session.flush()
    record(session, actor or account, "prove_phone", account)
    close_claimants(session, account.phone_fingerprint)


def close_claimants(session: Session, fingerprint: bytes) -> None:
    """Close the accounts that name a phone and never proved it."""
    for account in find_claimants(session, fingerprint):
        close(session, account)


def close(session: Session, account: Account) -> None:
    """Close an account that only claims its phone. Its sessions and appointments end; a household keeps the phone as a contact."""
    account.state = "closed"
    session.flush()
    record(session, GUEST, "close_claim", account)
    end_all_sessions(session, account, "phone_proven")
    appointments.end_all(session, account)
    take_account(session, account)


def find_to_sign_in(session: Session, fingerprint: bytes, named_by_password: UUID | None) -> Account | None:
    """Find the account that a code for this phone opens, and prove it if it never was. The phone is locked.

    An account whose right password came first keeps it. Otherwise the password is forgotten and earlier sessions end, because somebody
    else may have chosen it. After an administrator set the phone, the code alone does not open an account with a password.
    """
    if holder := find_holder(session, fingerprint):
        close_claimants(session, fingerprint)
        return holder
    claimants = find_claimants(session, fingerprint)
    if known := _first(account for account in claimants if account.id == named_by_password):
        prove(session, known)
        return known
    if claimed := _first(account for account in claimants if not (account.phone_set_by and account.password_hash)):
        claimed.password_hash = None
        end_all_sessions(session, claimed, "phone_proven")
        prove(session, claimed)
        return claimed
    return None


def record(session: Session, actor: Actor, act: str, account: Account, *, offices: Collection[str] = (), **details: str) -> None:
    """Record an act on an account in the audit log: once for each region where they hold an office, else for the region of the account."""
    audit_log.record(
        session,
        actor,
        *(
            Entry(act=act, subject="account", subject_id=account.id, person_id=account.id, region=region, details=details)
            for region in offices or [account.region]
        ),
    )


def _first(accounts: Iterable[Account]) -> Account | None:
    return next(iter(accounts), None)


def _active(*fingerprints: bytes) -> Select[Account]:
    return select(Account).where(Account.phone_fingerprint.in_(fingerprints), Account.state == "active").with_for_update()
