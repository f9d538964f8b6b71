"""Administrators of a table: each is offered an office, as by `POST /v1/appointments`. The check offers it and takes it back."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from chassis.data import audit_log
from chassis.data.audit_log import Entry
from chassis.http.auth import Caller
from chassis.http.fields import Name, Region, Strict
from chassis.problems import Problem
from users.accounts.model import Account
from users.appointments import actions
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


def judge(session: Session, caller: Caller, region: str, lines: Sequence[Line]) -> None:
    """Set the outcome of valid lines as if they were imported now."""
    for line in lines:
        with session.begin_nested() as trial:
            _offer(session, caller, region, line)
            trial.rollback()


def write(session: Session, caller: Caller, region: str, lines: Sequence[Line], takes_doubtful: bool) -> None:
    """Offer the offices of the lines that nothing speaks against."""
    for line in lines:
        with session.begin_nested() as attempt:
            entry = _offer(session, caller, region, line)
            if line.outcome == "doubtful" and takes_doubtful:
                line.outcome = "new"
            if line.outcome != "new" or entry is None:
                attempt.rollback()
                continue
        audit_log.record(session, caller, entry)


def _offer(session: Session, caller: Caller, region: str, line: Line) -> Entry | None:
    """Offer an office, and set the outcome: somebody of another name is doubtful, who holds the office is the same."""
    place = line.wanted["region"]
    if not place.startswith(region):
        line.refuse("outside_region", "region")
        return None
    wanted = {"phone": line.wanted["phone"], "region": place, "role": "administrator"}
    try:
        appointment = actions.appoint_administrator(session, caller, wanted)
    except already_appointed:
        line.outcome = "same"
        return None
    except Problem as problem:
        line.refuse(problem.code, "region" if problem.code == "outside_region" else "phone", **problem.details)
        return None
    line.subject_id = appointment.id
    name = session.get_one(Account, appointment.account_id).name
    if name != line.wanted["name"]:
        line.doubt("name_differs", "name")
    return Entry(act=ACT, subject="appointment", subject_id=appointment.id, person_id=appointment.account_id, region=place)
