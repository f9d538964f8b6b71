"""Bringing in many accounts and households at once: a batch is one transaction, what stands already is left alone."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from chassis.data.database import Database
from chassis.data.encryption import fingerprint
from chassis.messaging import outbox
from contracts.event import Event
from users import passwords
from users.actions import accounts, appointments, households
from users.model import Account, Household


@dataclass
class Line:
    """One line of a list that reads well: what is wanted, and what became of it; `refused` holds a field and a code."""

    number: int
    wanted: Mapping[str, Any]
    password_hash: str | None = None
    account_id: UUID | None = None
    household_id: UUID | None = None
    refused: tuple[str, str] | None = None
    prints: dict[str, bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.prints = {name: fingerprint(self.wanted[name]) for name in ("phone", "national_id") if name in self.wanted}


def import_batch(database: Database, lines: Sequence[Line], hashing: Executor) -> None:
    """Write and tell what is new of these lines, and note on each what became of it. Passwords are hashed outside of any transaction."""
    for attempt in range(5):
        with database.begin() as session:
            fresh = _sift(session, lines)
        unhashed = [line for line in fresh if "password" in line.wanted and line.password_hash is None]
        hashes = hashing.map(passwords.hashed, (line.wanted["password"] for line in unhashed))
        for line, password_hash in zip(unhashed, hashes, strict=True):
            line.password_hash = password_hash
        try:
            with database.begin() as session:
                _write(session, fresh)
            return
        except IntegrityError:
            # Somebody registered with one of these phones meanwhile; the next look finds them.
            if attempt == 4:
                raise


def _sift(session: Session, lines: Sequence[Line]) -> list[Line]:
    """The lines that are new; the others are refused, pointing at what stands."""
    phones = _standing(session, Account.phone_fingerprint, Account.id, _prints(lines, "phone"))
    numbers = _standing(session, Household.national_id_fingerprint, Household.id, _prints(lines, "national_id"))
    fresh = []
    for line in lines:
        phone, number = line.prints.get("phone"), line.prints.get("national_id")
        line.refused = ("phone", "phone_taken") if phone in phones else None
        line.refused = ("national_id", "household_registered") if number in numbers else line.refused
        if line.refused:
            line.account_id, line.household_id = phones.get(phone), numbers.get(number)
        else:
            phones |= {phone: None} if phone else {}
            numbers |= {number: None} if number else {}
            fresh.append(line)
    return fresh


def _write(session: Session, lines: Iterable[Line]) -> None:
    made: list[Account | Household] = []
    managed = []
    for line in lines:
        account = accounts.new_account(line.wanted, line.password_hash) if "phone" in line.wanted else None
        line.account_id = account.id if account else None
        made += [account] if account else []
        if line.wanted["kind"] == "household":
            household = households.new_household(line.wanted, line.account_id, None)
            line.household_id = household.id
            made.append(household)
        if account and line.wanted.get("manages") is not None:
            managed.append(appointments.new_appointment(account, line.wanted["manages"], None))
    session.add_all(made)
    session.flush()
    outbox.add(session, *map(_registered, made))
    session.add_all(managed)
    session.flush()
    appointments.tell_appointed(session, managed)


def _registered(made: Account | Household) -> Event:
    return accounts.registered(made) if isinstance(made, Account) else households.registered(made)


def _prints(lines: Iterable[Line], name: str) -> list[bytes]:
    return [line.prints[name] for line in lines if name in line.prints]


def _standing(session: Session, key: Any, value: Any, wanted: Sequence[bytes]) -> dict[bytes | None, UUID | None]:
    return {row[0]: row[1] for row in session.execute(select(key, value).where(key.in_(wanted)))}
