"""Queries of hand-overs: an open door for one of its sides, and the contacts behind it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from chassis.data.appointments import ADMINISTRATOR, appointments
from chassis.data.database import now
from chassis.http.auth import Caller
from chassis.problems import not_found
from users.accounts.model import Account
from users.consents.queries import has_consented
from users.consents.texts import CONTACT
from users.handovers.model import Handover
from users.handovers.rules import AFTER_SETTLEMENT, ENDED, GIVER, find_side, region_of
from users.households.model import Household
from users.institutions.model import Institution
from users.personal import national_phone
from users.places.model import Place
from users.places.queries import find_nearest_places


@dataclass(frozen=True)
class Contact:
    """Somebody to call: their name, and a number if there is one.

    `person_id` is the account, or the household without one; None for an institution, of which all is public.
    """

    person_id: UUID | None
    name: str
    telephone: str | None


@dataclass(frozen=True)
class Opened:
    """The point and the contacts that one side of a hand-over sees behind its door."""

    handover: Handover
    region: str
    side: str
    place: Place | None
    village: Contact | None
    household: Contact | None
    giver: Contact | None


def is_open(at: datetime) -> ColumnElement[bool]:
    """SQL condition: the door of a hand-over is open at a moment. A dispute keeps it open until it is settled and carried out."""
    in_dispute = or_(Handover.dispute_settled_at.is_(None), Handover.dispute_settled_at > at - AFTER_SETTLEMENT)
    return and_(Handover.step != ENDED, or_(Handover.shuts_at > at, and_(Handover.dispute_version > 0, in_dispute)))


def open_door(session: Session, caller: Caller, match_id: UUID) -> Opened:
    """Return what the caller's side sees. Raises `not_found` before the acceptance, after the door was shut, and for everybody else."""
    open_now = select(Handover).where(Handover.match_id == match_id, is_open(now()))
    handover = session.scalars(open_now).first()
    household = _find_household(session, handover.household_id) if handover else None
    side = find_side(caller, handover, household) if handover else None
    if handover is None or side is None:
        raise not_found()
    region = region_of(handover, household)
    place = find_nearest_places(session, [region]).get(region)
    return Opened(
        handover,
        region,
        side,
        place,
        _find_village_contact(session, region, place),
        _find_receiver(session, handover, household) if side == GIVER else None,
        _find_account(session, handover.pledger_id) if side != GIVER else None,
    )


def _find_household(session: Session, household_id: UUID) -> Household | None:
    """Find the household as it is now: the one that it was merged into, if it was."""
    household = session.get(Household, household_id)
    seen = {household_id}
    while household and household.merged_into and household.merged_into not in seen:
        seen.add(household.merged_into)
        household = session.get(Household, household.merged_into)
    return household


def _find_village_contact(session: Session, region: str, place: Place | None) -> Contact | None:
    """Find the administrator who manages the region most closely, with the office's telephone; with their own where it has none."""
    around = [region[:length] for length in (0, 2, 4, 6, 9, 12) if length <= len(region)]
    in_office = (appointments.c.region.in_(around), appointments.c.ended_at.is_(None), appointments.c.role == ADMINISTRATOR)
    nearest_first = (func.length(appointments.c.region).desc(), appointments.c.id)
    query = select(Account).join(appointments, appointments.c.user_id == Account.id).where(*in_office, Account.state == "active")
    account = session.scalars(query.order_by(*nearest_first).limit(1)).first()
    if account is None:
        return None
    office = place.telephone if place else None
    return Contact(account.id, account.name, office or national_phone(account.phone))


def _find_receiver(session: Session, handover: Handover, household: Household | None) -> Contact | None:
    if household:
        return _find_household_contact(session, household)
    institution = session.get(Institution, handover.household_id)
    return Contact(None, institution.name, institution.telephone) if institution and institution.ended_at is None else None


def _find_household_contact(session: Session, household: Household) -> Contact | None:
    """Find the name and telephone of the household, if it consented to showing them to its givers. A neighbour's number stays hidden."""
    if household.ended_at is not None or not has_consented(session, household.id, CONTACT):
        return None
    if household.account_id and (own := _find_account(session, household.account_id)):
        return Contact(own.person_id, household.name, own.telephone)
    noted = household.contact_phone if household.phone_kind != "neighbour" else None
    return Contact(household.id, household.name, national_phone(noted) if noted else None)


def _find_account(session: Session, account_id: UUID) -> Contact | None:
    account = session.get(Account, account_id)
    if account is None or account.state != "active":
        return None
    return Contact(account.id, account.name, national_phone(account.phone))
