"""Offers of many offices of administrators at once: judged by a few queries, written by one statement."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from chassis.data.appointments import regions_by_user
from chassis.data.database import new_id, now
from chassis.data.new_rows import insert_rows, new_row
from chassis.http.auth import Caller
from chassis.messaging import outbox
from chassis.problems import Problem
from users.accounts.model import Account
from users.appointments import queries, rules
from users.appointments.actions import PROVEN_STAFF, take_turn
from users.appointments.events import appointment_offered
from users.appointments.model import Appointment
from users.problems import already_appointed, unknown_administrator
from users.regions.rules import find_region_problem


class Offer(NamedTuple):
    """An offer that nothing speaks against, with its row, which is not written yet, and the name of its account."""

    row: Any
    name: str


def make_offers(session: Session, caller: Caller, wanted: Sequence[tuple[bytes, str]]) -> list[Offer | Problem]:
    """Make the offer for each fingerprint of a phone and region, or the problem that `appoint_administrator` would raise."""
    take_turn(session)
    # A copy reads the caller's regions anew, now that nobody ends them.
    caller = replace(caller)
    accounts = _find_staff(session, {phone for phone, _ in wanted})
    ids = [account.id for account in accounts.values()]
    appointers, regions = queries.list_appointers(session, caller.id), regions_by_user(session, ids)
    held = queries.find_standing_places(session, ids)

    def find_problem(account: Account | None, region: str) -> Problem | None:
        if (problem := find_region_problem(caller, region)) or account is None:
            return problem or unknown_administrator()
        is_appointer, others = account.id in appointers, regions.get(account.id, ())
        if problem := rules.find_appointing_problem(caller, account.id, region, others, is_appointer):
            return problem
        return already_appointed() if (account.id, region) in held else None

    def make_offer(account: Account | None, region: str) -> Offer | Problem:
        if (problem := find_problem(account, region)) or account is None:
            return problem or unknown_administrator()
        held.add((account.id, region))
        return Offer(_new_offer(caller, account.id, region), account.name)

    return [make_offer(accounts.get(phone), region) for phone, region in wanted]


def insert_offers(session: Session, offers: Sequence[Any]) -> None:
    """Write the rows of offers and publish them. Raises `IntegrityError` when somebody else offered one of the offices meanwhile."""
    insert_rows(session, Appointment, offers)
    outbox.add(session, *map(appointment_offered, offers))


def _new_offer(caller: Caller, account_id: UUID, region: str) -> Any:
    stated = {"region": region, "appointed_by": caller.id, "answerable_to": caller.id, "appointed_at": now()}
    return new_row(Appointment, id=new_id(), account_id=account_id, **stated)


def _find_staff(session: Session, phones: Collection[bytes]) -> Mapping[bytes, Account]:
    found = select(Account).where(Account.phone_fingerprint.in_(phones), *PROVEN_STAFF)
    return {bytes(account.phone_fingerprint): account for account in session.scalars(found)}
