"""Importing many accounts and households: each batch is one transaction, and existing rows stay as they are."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from chassis.data import audit_log
from chassis.data.appointments import regions_of
from chassis.data.audit_log import OPERATOR, Entry
from chassis.data.database import Database, now
from chassis.data.encryption import fingerprint
from chassis.messaging import outbox
from users.accounts import actions as accounts
from users.accounts import passwords
from users.accounts.events import user_registered
from users.accounts.model import Account
from users.appointments import actions as appointments
from users.holders import actions as holders
from users.households import actions as households
from users.households import claims
from users.households.model import Household
from users.households.versions import add_first_versions


@dataclass
class Line:
    """A valid line of a list and its outcome: ids of what was written, or `refused` with a field and a code."""

    number: int
    wanted: Mapping[str, Any]
    password_hash: str | None = None
    account_id: UUID | None = None
    household_id: UUID | None = None
    refused: tuple[str, str] | None = None
    fingerprints: dict[str, bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.fingerprints = {name: fingerprint(self.wanted[name]) for name in ("phone", "national_id") if name in self.wanted}


def import_batch(database: Database, lines: Sequence[Line], hashing: Executor) -> None:
    """Write and publish the new lines, and set the outcome of each. Passwords are hashed outside of any transaction."""
    for attempt in range(5):
        with database.begin() as session:
            fresh = _pick_new(session, lines)
        unhashed = [line for line in fresh if "password" in line.wanted and line.password_hash is None]
        hashes = hashing.map(passwords.hash_password, (line.wanted["password"] for line in unhashed))
        for line, password_hash in zip(unhashed, hashes, strict=True):
            line.password_hash = password_hash
        try:
            with database.begin() as session:
                claims.lock_numbers(session, *_fingerprints(fresh, "national_id"))
                if not claims.find_registered(session, _fingerprints(fresh, "national_id")):
                    _write(session, fresh)
                    return
        except IntegrityError:
            # One of these phones or numbers was registered meanwhile; the next attempt finds it.
            if attempt == 4:
                raise


def _pick_new(session: Session, lines: Sequence[Line]) -> list[Line]:
    """Return the new lines; refuse the others, with the ids of what exists."""
    holding = (Account.state == "active", Account.proven_at.is_not(None))
    phones = _find_existing(session, Account.phone_fingerprint, Account.id, _fingerprints(lines, "phone"), *holding)
    numbers: dict[bytes | None, UUID | None] = dict(claims.find_registered(session, _fingerprints(lines, "national_id")).items())
    fresh = []
    for line in lines:
        phone, number = line.fingerprints.get("phone"), line.fingerprints.get("national_id")
        line.refused = ("phone", "phone_taken") if phone in phones else None
        line.refused = ("national_id", "household_registered") if number in numbers else line.refused
        if line.refused:
            line.account_id, line.household_id = phones.get(phone), numbers.get(number)
        else:
            phones |= {phone: None} if phone else {}
            numbers |= {number: None} if number else {}
            fresh.append(line)
    return fresh


def _write(session: Session, lines: Sequence[Line]) -> None:
    """Write lines that are new. An operator vouches for their phones, so the accounts count as proven.

    An account that only claims such a phone is closed, unless it is the one of the line, from before codes: that one is proven.
    """
    made: list[Account | Household] = []
    managed = []
    claimed = _settle_claims(session, lines)
    for line in lines:
        known = claimed.get(line.number)
        account = known or (accounts.new_account(line.wanted, line.password_hash, now()) if "phone" in line.wanted else None)
        line.account_id = account.id if account else None
        made += [account] if account and not known else []
        if line.wanted["kind"] == "household":
            household = households.new_household(line.wanted, line.account_id, None)
            line.household_id = household.id
            made.append(household)
        if account and line.wanted.get("manages") is not None and line.wanted["manages"] not in regions_of(session, account.id):
            managed.append(appointments.new_appointment(account, line.wanted["manages"], None))
    session.add_all(made)
    session.flush()
    outbox.add(session, *(user_registered(one) for one in made if isinstance(one, Account)))
    add_first_versions(session, [one for one in made if isinstance(one, Household)], "import_households", None)
    audit_log.record(session, OPERATOR, *(_entry_of(one) for one in made))
    session.add_all(managed)
    session.flush()
    appointments.publish_appointments(session, managed)


def _settle_claims(session: Session, lines: Sequence[Line]) -> dict[int, Account]:
    """Prove the accounts that are those of the lines, by kind and name, and close others that claim these phones."""
    line_of = {line.fingerprints["phone"]: line for line in lines if "phone" in line.fingerprints}
    proven = dict[int, Account]()
    for claimant in holders.find_claimants(session, *line_of):
        line = line_of[bytes(claimant.phone_fingerprint)]
        same = claimant.kind == line.wanted["kind"] != "household" and claimant.name == line.wanted["name"]
        if same and line.number not in proven:
            claimant.proven_at = now()
            holders.record(session, OPERATOR, "prove_phone", claimant)
            proven[line.number] = claimant
        else:
            holders.close(session, claimant)
    return proven


def _entry_of(made: Account | Household) -> Entry:
    person = made.id if isinstance(made, Account) else made.account_id
    subject = "account" if isinstance(made, Account) else "household"
    return Entry(act="import", subject=subject, subject_id=made.id, person_id=person, region=made.region)


def _fingerprints(lines: Iterable[Line], name: str) -> list[bytes]:
    return [line.fingerprints[name] for line in lines if name in line.fingerprints]


def _find_existing(session: Session, key: Any, value: Any, wanted: Sequence[bytes], *more: Any) -> dict[bytes | None, UUID | None]:
    return {row[0]: row[1] for row in session.execute(select(key, value).where(key.in_(wanted), *more))}
