"""Appointing and dismissing administrators."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from chassis.data import appointments
from chassis.data.database import new_id, now
from chassis.data.encryption import fingerprint
from chassis.http import versions
from chassis.http.auth import Caller
from chassis.messaging import outbox
from chassis.problems import not_found
from contracts.users import AdministratorAppointed, AdministratorDismissed
from users.accounts.model import Account
from users.appointments import queries, rules
from users.appointments.events import administrator_appointed, administrator_dismissed
from users.appointments.model import Appointment
from users.problems import unknown_administrator
from users.regions.rules import find_region_problem
from users.sessions.actions import end_all_sessions
from users.unique import insert_unique


def appoint_administrator(session: Session, caller: Caller, wanted: Mapping[str, Any]) -> Appointment:
    """Let a staff account manage a region that the caller manages, or a part of it."""
    if problem := find_region_problem(caller, wanted["region"]):
        raise problem
    account = _find_staff_account(session, wanted)
    if problem := rules.find_appointing_problem(caller, account.id):
        raise problem
    return appoint(session, account, wanted["region"], caller.id)


def appoint(session: Session, account: Account, region: str, appointed_by: UUID | None) -> Appointment:
    """Write an appointment and publish it; the first ones have no appointer. Raises `already_appointed`."""
    appointment = new_appointment(account, region, appointed_by)
    insert_unique(session, appointment)
    publish_appointments(session, [appointment])
    return appointment


def new_appointment(account: Account, region: str, appointed_by: UUID | None) -> Appointment:
    """Make a row that is not written yet."""
    return Appointment(id=new_id(), account=account, region=region, appointed_by=appointed_by)


def publish_appointments(session: Session, written: Sequence[Appointment]) -> None:
    """Add the events of new appointments to the outbox; this service goes by them at once."""
    _publish(session, [administrator_appointed(appointment) for appointment in written])


def dismiss_administrator(session: Session, caller: Caller, appointment_id: UUID) -> Appointment:
    """End an appointment, as a manager of a wider region, its maker or its holder. Appointments that its holder made stay."""
    appointment = session.get(Appointment, appointment_id, with_for_update={"of": Appointment})
    if appointment is None or not rules.can_see_appointment(caller, appointment):
        raise not_found()
    versions.check_if_match(session, appointment)
    if problem := rules.find_dismissal_problem(caller, appointment):
        raise problem
    appointment.dismissed_by, appointment.dismissed_at = caller.id, now()
    appointment.version += 1
    session.flush()
    _publish(session, [administrator_dismissed(appointment)])
    if caller.id != appointment.account_id and not queries.holds_office(session, appointment.account_id):
        end_all_sessions(session, appointment.account, "dismissed", actor=caller)
    return appointment


def _publish(session: Session, events: Sequence[AdministratorAppointed | AdministratorDismissed]) -> None:
    appointments.record(session, events)
    outbox.add(session, *events)


def _find_staff_account(session: Session, wanted: Mapping[str, Any]) -> Account:
    named = Account.id == wanted["account_id"] if "account_id" in wanted else Account.phone_fingerprint == fingerprint(wanted["phone"])
    account = session.scalars(select(Account).where(named, Account.kind == "staff", Account.state == "active")).first()
    if account is None:
        raise unknown_administrator()
    return account
