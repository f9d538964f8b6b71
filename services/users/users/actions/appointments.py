"""Appointing administrators down the tree, and ending their appointments."""

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
from users import queries, rules
from users.actions.unique import keep
from users.model import Account, Appointment
from users.problems import outside_region, own_appointment, unknown_administrator


def appoint_administrator(session: Session, caller: Caller, wanted: Mapping[str, Any]) -> Appointment:
    """Somebody with a staff account manages a region from now on: one that the appointer manages, or a part of it."""
    if not caller.manages(wanted["region"]):
        raise outside_region()
    account = _staff_account(session, wanted)
    if account.id == caller.id:
        # Who is dismissed loses what they manage; an appointment of their own making further down would stay.
        raise own_appointment()
    return appoint(session, account, wanted["region"], caller.id)


def appoint(session: Session, account: Account, region: str, appointed_by: UUID | None) -> Appointment:
    """Write and tell an appointment, by nobody if it is the first. Raises `already_appointed`."""
    appointment = new_appointment(account, region, appointed_by)
    keep(session, appointment)
    tell_appointed(session, [appointment])
    return appointment


def new_appointment(account: Account, region: str, appointed_by: UUID | None) -> Appointment:
    return Appointment(id=new_id(), account=account, region=region, appointed_by=appointed_by)


def tell_appointed(session: Session, written: Sequence[Appointment]) -> None:
    _tell(session, [appointed(appointment) for appointment in written])


def appointed(appointment: Appointment) -> AdministratorAppointed:
    """What is told of an appointment that has been written, at its first version even if it has ended since."""
    return AdministratorAppointed(
        version=appointment.version - 1 if appointment.dismissed_at else appointment.version,
        appointment_id=appointment.id,
        user_id=appointment.account_id,
        region=appointment.region,
        appointed_by=appointment.appointed_by,
        appointed_at=appointment.appointed_at,
    )


def dismissed(appointment: Appointment) -> AdministratorDismissed:
    """What is told of an appointment that has ended."""
    if appointment.dismissed_by is None or appointment.dismissed_at is None:
        raise ValueError("the appointment stands")
    return AdministratorDismissed(
        version=appointment.version,
        appointment_id=appointment.id,
        user_id=appointment.account_id,
        region=appointment.region,
        dismissed_by=appointment.dismissed_by,
        dismissed_at=appointment.dismissed_at,
    )


def dismiss_administrator(session: Session, caller: Caller, appointment_id: UUID) -> Appointment:
    """Ended by who manages a wider region, by who appointed them, or by themselves. Those they appointed stay."""
    appointment = session.get(Appointment, appointment_id, with_for_update={"of": Appointment})
    if appointment is None or not queries.appointment_is_shown_to(caller, appointment):
        raise not_found()
    versions.as_seen(session, appointment)
    if refusal := rules.dismissal_refusal(caller, appointment):
        raise refusal
    appointment.dismissed_by, appointment.dismissed_at = caller.id, now()
    appointment.version += 1
    session.flush()
    _tell(session, [dismissed(appointment)])
    return appointment


def _tell(session: Session, events: Sequence[AdministratorAppointed | AdministratorDismissed]) -> None:
    appointments.note(session, events)
    outbox.add(session, *events)


def _staff_account(session: Session, wanted: Mapping[str, Any]) -> Account:
    named = Account.id == wanted["account_id"] if "account_id" in wanted else Account.phone_fingerprint == fingerprint(wanted["phone"])
    account = session.scalars(select(Account).where(named, Account.kind == "staff", Account.state == "active")).first()
    if account is None:
        raise unknown_administrator()
    return account
