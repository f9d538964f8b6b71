"""Households of a table: which are new, changed or the same, and writing them. A batch is judged and written by a few statements."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from chassis.data import audit_log
from chassis.data.audit_log import Entry
from chassis.http.auth import Caller
from chassis.problems import Problem
from users.households import actions, claims
from users.households.api import HouseholdIn
from users.households.model import Household, Member
from users.households.queries import STANDING
from users.households.versions import add_first_versions
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
    keys = {line.fingerprints["national_id"] for line in lines}
    heads = _find_heads(session, caller, keys)
    members = _find_members(session, caller, keys)
    phones = _count_phones(session, caller, {line.fingerprints["phone"] for line in lines if "phone" in line.fingerprints})
    found = dict[int, Household]()
    for line in lines:
        place = line.wanted["region"]
        if not place.startswith(region) or not caller.manages(place):
            line.refuse("outside_region", "region")
            continue
        key = line.fingerprints["national_id"]
        here = heads.get((key, place))
        elsewhere = members.get(key) or next((one for (other, _), one in heads.items() if other == key), None)
        if not has_fitting_phone(line):
            continue
        if here:
            _compare(line, here)
            found[line.number] = here
        elif elsewhere:
            line.refuse("household_registered", "national_id", where=f" ({elsewhere.region}, {elsewhere.id})")
        if line.outcome in {"new", "changed"} and "phone" in line.fingerprints:
            phone = line.fingerprints["phone"]
            if phones[phone] > (1 if here and here.contact_phone_fingerprint == phone else 0):
                line.note("phone_shared", "phone")
            phones[phone] += not here
    return found


def write(session: Session, caller: Caller, region: str, lines: Sequence[Line], takes_doubtful: bool) -> None:
    """Judge the lines under the locks of their national ids, then write the new and the changed ones."""
    claims.lock_numbers(session, *(line.fingerprints["national_id"] for line in lines))
    found = judge(session, caller, region, lines)
    fresh = [line for line in lines if line.outcome == "new"]
    # Nobody of a new line stands in the caller's regions; who stands elsewhere is asked for there.
    strangers = claims.find_registered(session, [line.fingerprints["national_id"] for line in fresh])
    made = [actions.new_household(line.wanted, None, caller.id) for line in fresh]
    for line, household in zip(fresh, made, strict=True):
        line.subject_id = household.id
    session.add_all(made)
    session.flush()
    add_first_versions(session, made, ACT, caller.id)
    for household in made:
        if bytes(household.national_id_fingerprint) in strangers:
            claims.request_transfers(session, caller, household, household.national_id_fingerprint)
    changed = [line for line in lines if line.outcome == "changed" or (line.outcome == "doubtful" and takes_doubtful)]
    for line in changed:
        actions.edit_household(session, caller, found[line.number].id, line.differences | {"reason": "corrected"})
        line.outcome = "changed"
    audit_log.record(session, caller, *(_entry(one) for one in (*made, *(found[line.number] for line in changed))))


def _entry(household: Household) -> Entry:
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


def _find_heads(session: Session, caller: Caller, keys: Collection[bytes]) -> dict[tuple[bytes, str], Household]:
    """Find the standing households of the caller's regions, by the number of the head and the village."""
    query = select(Household).where(Household.national_id_fingerprint.in_(keys), STANDING, caller.within_managed(Household.region))
    return {(bytes(one.national_id_fingerprint), one.region): one for one in session.scalars(query.order_by(Household.id))}


def _find_members(session: Session, caller: Caller, keys: Collection[bytes]) -> dict[bytes, Household]:
    """Find the standing households of the caller's regions, by the number of a member who still belongs to them."""
    number = Member.national_id_fingerprint
    query = select(number, Household).join(Household, Household.id == Member.household_id)
    query = query.where(number.in_(keys), Member.left_at.is_(None), STANDING, caller.within_managed(Household.region))
    return {bytes(row[0]): row[1] for row in session.execute(query) if row[0]}


def _count_phones(session: Session, caller: Caller, keys: Collection[bytes]) -> Counter[bytes]:
    """Count the standing households of the caller's regions that have each telephone."""
    phone = Household.contact_phone_fingerprint
    query = select(phone, func.count()).where(phone.in_(keys), STANDING, caller.within_managed(Household.region)).group_by(phone)
    return Counter({bytes(row[0]): row[1] for row in session.execute(query) if row[0]})
