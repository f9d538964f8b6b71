"""Households of a table: which are new, changed or the same, and writing them. A batch is judged and written by a few statements."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from chassis.data import audit_log
from chassis.data.audit_log import Entry
from chassis.http.auth import Caller
from chassis.problems import Problem
from users.households import actions, claims
from users.households.api import HouseholdIn
from users.households.claims import Standing
from users.households.model import Household
from users.households.queries import count_by_phone
from users.households.versions import insert_households
from users.imports.lines import Line

ACT = "import_households"
SCHEMA = HouseholdIn(exclude=("password",))
_COMPARED = {"phone": "contact_phone", "status": "status", "phone_kind": "phone_kind", "address": "address", "size": "size", "name": "name"}
"""Columns of a table by the attribute of the household that they state."""


def key_of(line: Line) -> bytes | None:
    """Return what two lines about one household have in common."""
    return line.fingerprints.get("national_id")


def judge(session: Session, caller: Caller, region: str, lines: Sequence[Line]) -> Mapping[int, Household]:
    """Set the outcome of valid lines as if they were imported now; return the household that a changed line is about, by row number."""
    return _judge(session, caller, region, lines, _find_standings(session, lines))


def _judge(
    session: Session, caller: Caller, region: str, lines: Sequence[Line], standings: Mapping[bytes, Sequence[Standing]]
) -> Mapping[int, Household]:
    managed = {key: [one for one in found if caller.manages(one.region)] for key, found in standings.items()}
    heads = {(key, one.region): one.household_id for key, found in managed.items() for one in found if one.member_id is None}
    places = [(line.fingerprints["national_id"], line.wanted["region"]) for line in lines]
    known = _load(session, [heads[place] for place in places if place in heads])
    phones = count_by_phone(session, caller, {line.fingerprints["phone"] for line in lines if "phone" in line.fingerprints})
    found = dict[int, Household]()
    for line in lines:
        place = line.wanted["region"]
        if not place.startswith(region) or not caller.manages(place):
            line.refuse("outside_region", "region")
            continue
        key = line.fingerprints["national_id"]
        here = known.get(heads.get((key, place)))
        # Where the person is a member counts before where they are the head.
        elsewhere = next(iter(sorted(managed.get(key, ()), key=lambda one: one.member_id is None)), None)
        if not has_fitting_phone(line):
            continue
        if here:
            _compare(line, here)
            found[line.number] = here
        elif elsewhere:
            line.refuse("household_registered", "national_id", **claims.word_place(elsewhere.region))
        if line.outcome in {"new", "changed"} and "phone" in line.fingerprints:
            phone = line.fingerprints["phone"]
            if phones[phone] > (1 if here and here.contact_phone_fingerprint == phone else 0):
                line.note("phone_shared", "phone")
            phones[phone] += not here
    return found


def write(session: Session, caller: Caller, region: str, lines: Sequence[Line], takes_doubtful: bool) -> None:
    """Judge the lines under the locks of their national ids, then write the new and the changed ones."""
    claims.lock_numbers(session, *(line.fingerprints["national_id"] for line in lines))
    standings = _find_standings(session, lines)
    found = _judge(session, caller, region, lines, standings)
    fresh = [line for line in lines if line.outcome == "new"]
    made = [actions.new_household_row(line.wanted, None, caller.id, line.fingerprints) for line in fresh]
    for line, household in zip(fresh, made, strict=True):
        line.subject_id = household.id
    insert_households(session, made, ACT, caller.id)
    for household in made:
        # Nobody of a new line stands in the caller's regions; who stands elsewhere is asked for there.
        if household.national_id_fingerprint in standings:
            claims.request_transfers(session, caller, household, household.national_id_fingerprint)
    changed = [line for line in lines if line.outcome == "changed" or (line.outcome == "doubtful" and takes_doubtful)]
    for line in changed:
        actions.edit_household(session, caller, found[line.number].id, line.differences | {"reason": "corrected"})
        line.outcome = "changed"
    audit_log.record(session, caller, *(_entry(one) for one in (*made, *(found[line.number] for line in changed))))


def _entry(household: Any) -> Entry:
    person = household.account_id or household.id
    return Entry(act=ACT, subject="household", subject_id=household.id, person_id=person, region=household.region)


def _compare(line: Line, household: Household) -> None:
    """Set the outcome of a line about a household that stands in the register. An empty cell changes nothing."""
    line.subject_id = household.id
    line.differences = {
        name: line.wanted[name]
        for name, attribute in _COMPARED.items()
        if name in line.given and line.wanted.get(name) is not None and line.wanted[name] != getattr(household, attribute)
    }
    line.outcome = "changed" if line.differences else "same"
    if "name" in line.differences:
        line.doubt("name_differs", "name")


def has_fitting_phone(line: Line) -> bool:
    """Tell whether the telephone fits its kind; refuse the line otherwise."""
    try:
        actions.read_phone_kind(line.wanted.get("phone"), line.wanted.get("phone_kind"))
    except Problem as problem:
        line.refuse(problem.code, "phone_kind")
        return False
    return True


def _find_standings(session: Session, lines: Sequence[Line]) -> Mapping[bytes, Sequence[Standing]]:
    return claims.find_standings(session, {line.fingerprints["national_id"] for line in lines})


def _load(session: Session, ids: Sequence[UUID]) -> Mapping[UUID | None, Household]:
    return {one.id: one for one in session.scalars(select(Household).where(Household.id.in_(ids)))} if ids else {}
