"""Counting tries of passwords. A try is counted before its password is compared, so of many at once no more than allowed are compared."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.data.encryption import fingerprint
from chassis.problems import Problem
from users.problems import too_many_attempts
from users.throttling.model import WrongPasswords
from users.throttling.rules import ADDRESS, KEPT_FOR, KNOWN_FOR, PAIR, PHONE, Throttle


@dataclass(frozen=True)
class Attempt:
    """A try that was counted: the keys of its pair of phone and address, and of the other counts that it raised."""

    pair: bytes
    others: tuple[bytes, ...]


def begin_attempt(session: Session, phone: str, address: str) -> Attempt | Problem:
    """Count a try before its password is compared, or return the problem that it has to wait. Commit before comparing.

    A phone that signs in from this address now and then waits only for tries of this pair: strangers elsewhere cannot keep it out.
    """
    at = now()
    pair = fingerprint(f"pair {phone} {address}")
    [first] = _lock(session, [pair], at)
    counted = [(first, PAIR)]
    if first.known_until is None or first.known_until <= at:
        throttles = {fingerprint(f"address {address}"): ADDRESS, fingerprint(phone): PHONE}
        counted += [(row, throttles[row.key]) for row in _lock(session, list(throttles), at)]
    if wait := max(_wait(row, throttle, at) for row, throttle in counted):
        return too_many_attempts(retry_after_seconds=ceil(wait.total_seconds()))
    for row, throttle in counted:
        tries, row.since = throttle.forget(row.tries, row.since, at)
        row.tries, row.last_at = tries + 1, at
    return Attempt(pair, tuple(row.key for row, _ in counted[1:]))


def count_right(session: Session, attempt: Attempt) -> None:
    """Take the count of a right password back, and remember that the phone signs in from this address."""
    at = now()
    [pair] = _lock(session, [attempt.pair], at)
    pair.tries, pair.known_until = 0, at + KNOWN_FOR
    for row in _lock(session, attempt.others, at):
        row.tries = max(0, row.tries - 1)


def delete_old(session: Session) -> None:
    """Delete counts whose tries are all forgotten, unless the phone is known at the address."""
    at = now()
    is_known = WrongPasswords.known_until > at
    session.execute(delete(WrongPasswords).where(WrongPasswords.last_at < at - KEPT_FOR, is_known.is_not(True)))


def _wait(row: WrongPasswords, throttle: Throttle, at: datetime) -> timedelta:
    return throttle.wait(throttle.forget(row.tries, row.since, at)[0], row.last_at, at)


def _lock(session: Session, keys: Sequence[bytes], at: datetime) -> Iterator[WrongPasswords]:
    """Lock the rows of these keys, made if they are missing. All callers lock a pair first, then the others in the order of keys."""
    if not keys:
        return iter(())
    new = [{"key": key, "tries": 0, "since": at, "last_at": at} for key in sorted(keys)]
    session.execute(insert(WrongPasswords).on_conflict_do_nothing(), new)
    rows = select(WrongPasswords).where(WrongPasswords.key.in_(keys)).order_by(WrongPasswords.key).with_for_update()
    return iter(session.scalars(rows.execution_options(populate_existing=True)).all())
