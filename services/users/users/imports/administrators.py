"""Administrators of a table: each is offered an office, as by `POST /v1/appointments`."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from chassis.data import audit_log
from chassis.data.audit_log import Entry
from chassis.http.auth import Caller
from chassis.http.fields import Name, Region, Strict
from chassis.problems import Problem
from users.appointments.offers import insert_offers, make_offers
from users.fields import Phone
from users.imports.lines import Line
from users.problems import already_appointed

ACT = "import_administrators"


class AdministratorIn(Strict):
    phone = Phone(required=True)
    name = Name(100, required=True)
    region = Region(required=True)


SCHEMA = AdministratorIn()


def key_of(line: Line) -> bytes | None:
    """Return what two lines about one office have in common."""
    phone = line.fingerprints.get("phone")
    return phone + line.wanted.get("region", "").encode() if phone else None


def judge(session: Session, caller: Caller, region: str, lines: Sequence[Line]) -> Sequence[tuple[Line, Any]]:
    """Set the outcome of valid lines as if they were imported now: somebody of another name is doubtful, who holds the office is the same.

    Return the new and the doubtful lines with the rows of their offers.
    """
    inside = [line for line in lines if line.wanted["region"].startswith(region)]
    for line in lines:
        if not line.wanted["region"].startswith(region):
            line.refuse("outside_region", "region")
    offers = make_offers(session, caller, [(line.fingerprints["phone"], line.wanted["region"]) for line in inside])
    made = list[tuple[Line, Any]]()
    for line, offer in zip(inside, offers, strict=True):
        if isinstance(offer, already_appointed):
            line.outcome = "same"
        elif isinstance(offer, Problem):
            line.refuse(offer.code, "region" if offer.code == "outside_region" else "phone", **offer.details)
        else:
            line.subject_id = offer.row.id
            made.append((line, offer.row))
            if offer.name != line.wanted["name"]:
                line.doubt("name_differs", "name")
    return made


def write(session: Session, caller: Caller, region: str, lines: Sequence[Line], takes_doubtful: bool) -> None:
    """Offer the offices of the lines that nothing speaks against."""
    made = [(line, row) for line, row in judge(session, caller, region, lines) if line.outcome == "new" or takes_doubtful]
    for line, _ in made:
        line.outcome = "new"
    insert_offers(session, [row for _, row in made])
    audit_log.record(session, caller, *(_entry(row) for _, row in made))


def _entry(offer: Any) -> Entry:
    return Entry(act=ACT, subject="appointment", subject_id=offer.id, person_id=offer.account_id, region=offer.region)
