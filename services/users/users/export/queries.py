"""Queries of all that users stores about one person and their household."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Column, ColumnElement, LargeBinary, or_, select
from sqlalchemy.orm import Session

from chassis.data.audit_log import Entry, record
from chassis.data.encryption import Encrypted
from chassis.http.auth import Caller
from users.accounts.model import Account
from users.accounts.queries import get_own_account
from users.appointments.model import Appointment
from users.codes.model import CodeRequest
from users.consents.model import Consent
from users.erasure.model import Erasure
from users.handovers.model import Handover
from users.helpers.model import Assignment
from users.households.model import Household, HouseholdVersion, Member, Reveal, Transfer
from users.households.queries import find_household_id
from users.monitoring.model import Label
from users.organisations.model import Organisation
from users.reveals.model import PersonReveal
from users.second_factor.model import RecoveryCode, SecondFactor
from users.self_reports.model import SelfReport
from users.sessions.model import SignIn
from users.visits.model import Help, Visit

SECRETS = {"password_hash", "secret", "offered_secret", "wanted"}
"""Columns that open an account: nobody gets them back."""
MOST_ROWS = 10_000


@dataclass(frozen=True)
class Subject:
    """Somebody who takes their data along: the account, the fingerprint of its proven phone, and its household, if it has one."""

    account_id: UUID
    phone: bytes
    homes: list[UUID]


_REPORTS, _VISITS = select(SelfReport.id), select(Visit.id)
ABOUT: Mapping[Any, Callable[[Subject], ColumnElement[bool]]] = {
    Account: lambda one: Account.id == one.account_id,
    Appointment: lambda one: Appointment.account_id == one.account_id,
    Assignment: lambda one: or_(Assignment.account_id == one.account_id, Assignment.household_id.in_(one.homes)),
    CodeRequest: lambda one: or_(CodeRequest.account_id == one.account_id, CodeRequest.phone_fingerprint == one.phone),
    Consent: lambda one: Consent.household_id.in_(one.homes),
    Erasure: lambda one: or_(Erasure.account_id == one.account_id, Erasure.household_id.in_(one.homes)),
    Handover: lambda one: or_(
        Handover.account_id == one.account_id, Handover.pledger_id == one.account_id, Handover.household_id.in_(one.homes)
    ),
    Help: lambda one: Help.visit_id.in_(_VISITS.where(Visit.household_id.in_(one.homes))),
    Household: lambda one: Household.account_id == one.account_id,
    HouseholdVersion: lambda one: HouseholdVersion.household_id.in_(one.homes),
    Label: lambda one: Label.household_id.in_(one.homes),
    Member: lambda one: Member.household_id.in_(one.homes),
    Organisation: lambda one: Organisation.id == one.account_id,
    PersonReveal: lambda one: or_(
        PersonReveal.person_id == one.account_id, PersonReveal.person_id.in_(_REPORTS.where(SelfReport.household_id.in_(one.homes)))
    ),
    RecoveryCode: lambda one: RecoveryCode.account_id == one.account_id,
    Reveal: lambda one: Reveal.household_id.in_(one.homes),
    SecondFactor: lambda one: SecondFactor.account_id == one.account_id,
    SelfReport: lambda one: SelfReport.household_id.in_(one.homes),
    SignIn: lambda one: SignIn.account_id == one.account_id,
    Transfer: lambda one: Transfer.household_id.in_(one.homes),
    Visit: lambda one: Visit.household_id.in_(one.homes),
}
"""The rows of each table that are about somebody. A new table about people gets a line; a test compares this with the database."""


def export_own_data(session: Session, caller: Caller) -> dict[str, list[dict[str, Any]]]:
    """Return the rows about the caller and their household, by table. The audit log keeps that they were taken."""
    account = get_own_account(session, caller)
    household_id = find_household_id(session, account.id)
    subject = Subject(account.id, bytes(account.phone_fingerprint), [household_id] if household_id else [])
    found = {}
    for entity, about in ABOUT.items():
        rows = session.scalars(select(entity).where(about(subject)).order_by(*entity.__mapper__.primary_key).limit(MOST_ROWS)).all()
        names = columns_of(entity)
        found[entity.__tablename__] = [{name: getattr(row, name) for name in names} for row in rows]
    entry = Entry(act="export_own_data", subject="account", subject_id=account.id, person_id=account.id, region=account.region)
    record(session, caller, entry)
    return found


def columns_of(entity: Any) -> dict[str, Column[Any]]:
    """Return the columns of a table that are exported, by attribute: not its fingerprints, hashes and secrets."""
    return {
        key: column
        for key, column in entity.__mapper__.columns.items()
        if key not in SECRETS and (isinstance(column.type, Encrypted) or not isinstance(column.type, LargeBinary))
    }
