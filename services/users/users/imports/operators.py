"""An operator's list of accounts, households and administrators: each batch is one transaction, and existing rows stay as they are."""

from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from chassis.data import audit_log
from chassis.data.appointments import regions_of
from chassis.data.audit_log import OPERATOR, Entry
from chassis.data.database import Database, now
from chassis.http.fields import Choice, Code, Region
from chassis.problems import Problem
from chassis.tables.reading import Row
from users.accounts import actions as accounts
from users.accounts import passwords
from users.accounts.api import AccountIn
from users.accounts.model import Account
from users.appointments import actions as appointments
from users.fields import KINDS, Password
from users.holders import actions as holders
from users.households import actions as households
from users.households import claims
from users.households.api import HouseholdIn
from users.households.versions import insert_households
from users.imports import households as tables_of_households
from users.imports.lines import Line, LineReader
from users.personal import is_landline


@dataclass(slots=True)
class ListLine(Line):
    """A line of an operator's list, with the ids of what was written or exists."""

    password_hash: str | None = None
    account_id: UUID | None = None
    household_id: UUID | None = None


class AccountRow(AccountIn):
    password = Password()


class StaffRow(AccountRow):
    manages = Region()


class HouseholdRow(HouseholdIn):
    kind = Choice(KINDS, required=True)
    password = Password()
    campaign = Code("[A-Za-z0-9_-]{1,40}")


class ListReader:
    """Reads the rows of an operator's list, each by the fields of its kind."""

    def __init__(self) -> None:
        """Make a reader of lines for each kind."""
        self._of_account = LineReader(AccountRow(), {}, ListLine)
        self._of_kind = {"household": LineReader(HouseholdRow(), {}, ListLine), "staff": LineReader(StaffRow(), {}, ListLine)}

    def read(self, row: Row) -> ListLine:
        """Validate a row. A household gets an account only when a password is chosen for it; its phone is a contact otherwise."""
        line = self._of_kind.get(row.values.get("kind", ""), self._of_account).read(row)
        if line.outcome != "refused":
            _check_together(line)
        return line


def _check_together(line: ListLine) -> None:
    """Refuse a line whose password has no phone that gets codes, or is weak, or whose telephone is of another kind than stated."""
    wanted = line.wanted
    if wanted["kind"] == "household":
        tables_of_households.has_fitting_phone(line)
    if "password" not in wanted or line.outcome == "refused":
        return
    if "phone" not in wanted:
        line.refuse("required", "phone")
    elif is_landline(wanted["phone"]):
        line.refuse("text_form", "phone")
    else:
        try:
            region, is_staff = wanted.get("region", ""), "manages" in wanted
            passwords.require_strong(wanted["password"], wanted["phone"], wanted["name"], region, is_staff=is_staff)
        except Problem as problem:
            line.refuse(problem.code, "password", **problem.details)


def import_batch(database: Database, lines: Sequence[ListLine], hashing: Executor) -> None:
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


def has_account(line: ListLine) -> bool:
    """Tell whether a line makes an account: every line but that of a household without a password."""
    return line.wanted["kind"] != "household" or "password" in line.wanted


def _pick_new(session: Session, lines: Sequence[ListLine]) -> list[ListLine]:
    """Return the new lines; refuse the others, with the ids of what exists."""
    holding = (Account.state == "active", Account.proven_at.is_not(None))
    phones = _find_existing(session, Account.phone_fingerprint, Account.id, _fingerprints(lines, "phone"), *holding)
    numbers: dict[bytes | None, UUID | None] = dict(claims.find_registered(session, _fingerprints(lines, "national_id")).items())
    fresh = []
    for line in lines:
        line.forget()
        phone = line.fingerprints.get("phone") if has_account(line) else None
        number = line.fingerprints.get("national_id")
        if number in numbers:
            line.refuse("household_registered", "national_id", where_zh="", where_en="")
        elif phone in phones:
            line.refuse("phone_taken", "phone")
        if line.outcome == "refused":
            line.account_id, line.household_id = phones.get(phone), numbers.get(number)
        else:
            phones |= {phone: None} if phone else {}
            numbers |= {number: None} if number else {}
            fresh.append(line)
    return fresh


def _write(session: Session, lines: Sequence[ListLine]) -> None:
    """Write lines that are new. An operator vouches for their phones, so the accounts count as proven.

    An account that only claims such a phone is closed, unless it is the one of the line, from before codes: that one is proven.
    """
    made_accounts, made_households = list[Any](), list[Any]()
    appointees = dict[UUID, str]()
    claimed = _settle_claims(session, lines)
    for line in lines:
        known = claimed.get(line.number)
        account = known or (accounts.new_account_row(line.wanted, line.password_hash, now()) if has_account(line) else None)
        line.account_id = account.id if account else None
        made_accounts += [account] if account and not known else []
        if line.wanted["kind"] == "household":
            household = households.new_household_row(line.wanted, line.account_id, None, line.fingerprints)
            line.household_id = household.id
            made_households.append(household)
        manages = line.wanted.get("manages")
        if account and manages is not None and (not known or manages not in regions_of(session, known.id)):
            appointees[account.id] = manages
    accounts.insert_accounts(session, made_accounts)
    insert_households(session, made_households, tables_of_households.ACT, None)
    entries = [_entry_of("account", one, one.id) for one in made_accounts]
    audit_log.record(session, OPERATOR, *entries, *(_entry_of("household", one, one.account_id) for one in made_households))
    managed = [appointments.new_appointment(session.get_one(Account, one), region, None) for one, region in appointees.items()]
    session.add_all(managed)
    session.flush()
    appointments.publish_appointments(session, managed)


def _settle_claims(session: Session, lines: Sequence[ListLine]) -> dict[int, Account]:
    """Prove the accounts that are those of the lines, by kind and name, and close others that claim these phones."""
    line_of = {line.fingerprints["phone"]: line for line in lines if "phone" in line.fingerprints and has_account(line)}
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


def _entry_of(subject: str, made: Any, person_id: UUID | None) -> Entry:
    return Entry(act="import", subject=subject, subject_id=made.id, person_id=person_id, region=made.region)


def _fingerprints(lines: Iterable[ListLine], name: str) -> list[bytes]:
    return [line.fingerprints[name] for line in lines if name in line.fingerprints]


def _find_existing(session: Session, key: Any, value: Any, wanted: Sequence[bytes], *more: Any) -> dict[bytes | None, UUID | None]:
    return {row[0]: row[1] for row in session.execute(select(key, value).where(key.in_(wanted), *more))}
