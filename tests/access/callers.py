"""Everybody who may call: anonymous, the people of two villages, strangers of each kind, administrators near and far."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from chassis.data import appointments
from chassis.data.database import new_id
from chassis.http.auth import GIVERS, GOVERNMENT, SIGNED_IN, STAFF
from chassis.testing.fixtures import Person, administrator_of, auditor_of
from contracts.users import AdministratorAppointed, AdministratorDismissed
from tests.fuzz.seeds import add_account
from tests.fuzz.stage import Stage
from users.fields import KINDS

DIGITS = {"village": 12, "township": 9, "county": 6, "city": 4, "province": 2, "country": 0}
ABOVE = set(DIGITS) - {"village"}
UNPROVEN = "county without factor"


@dataclass(frozen=True)
class Caller:
    """Somebody by name. `is_ours` holds for people of the village, its administrators and those above it."""

    name: str
    person: Person | None
    is_ours: bool


def list_callers(stage: Stage, theirs: Stage) -> list[Caller]:
    """List everybody for the things of a stage; `theirs` is the stage of another village in another province."""
    village, database = stage.village, stage.database
    people = {kind: person for kind, person in stage.people.items() if kind not in STAFF}
    ours = people | {"poster": stage.agent, "township": stage.people["staff"], "country": stage.operator}
    ours |= {level: administrator_of(database, village[: DIGITS[level]]) for level in ("village", "county", "city", "province")}
    ours["village"].claims = {}
    ours |= {UNPROVEN: administrator_of(database, village[:6])}
    ours[UNPROVEN].claims = {}
    ours |= {"auditor": auditor_of(database, village[:6])}
    others = {f"stranger {kind}": Person(kind) for kind in sorted(SIGNED_IN)}
    others |= {f"elsewhere {kind}": person for kind, person in theirs.people.items() if kind not in STAFF}
    others |= {"elsewhere village": theirs.agent, "elsewhere township": theirs.people["staff"]}
    others |= {f"elsewhere {level}": administrator_of(database, theirs.village[: DIGITS[level]]) for level in ("county", "province")}
    beside = ("village", "township", "county", "city")
    others |= {f"sibling {level}": administrator_of(database, sibling(village[: DIGITS[level]])) for level in beside}
    others |= {"elsewhere auditor": auditor_of(database, theirs.village[:6]), "sibling auditor": auditor_of(database, sibling(village[:6]))}
    others |= {"dismissed": dismissed_from(stage, village[:6]), "appointee": Person("staff")}
    ours |= {"helper": Person("cadre")}
    others |= {"elsewhere helper": Person("work_unit")}
    callers = [Caller("anonymous", None, is_ours=False), *(Caller(name, person, is_ours=True) for name, person in ours.items())]
    callers += [Caller(name, person, is_ours=False) for name, person in others.items()]
    if stage.service == "users":
        callers = [caller for caller in callers if caller.person is None or caller.person.kind in KINDS]
        settled = {*everybody(stage), *everybody(theirs)}
        for number, caller in enumerate(callers):
            if caller.person and caller.person not in settled:
                add_account(stage, caller.person, f"1390000{number:04}")
        offer = {"account_id": str(others["appointee"].id), "region": village[:6]}
        assert stage.client.post("/v1/appointments", offer, by=stage.operator).json["state"] == "offered"
        for helper, there in ((ours["helper"], stage), (others["elsewhere helper"], theirs)):
            named = {"account_id": str(helper.id), "region": there.village, "role": "agricultural_technician"}
            stated = {"unit": "农业农村局", "post": "技术员"}
            assert stage.client.post("/v1/helpers", named | stated, by=there.agent).status_code == 201
    return callers


def everybody(stage: Stage) -> list[Person]:
    """Return the people of a stage."""
    return [*stage.people.values(), stage.agent, stage.operator]


def dismissed_from(stage: Stage, region: str) -> Person:
    """Return somebody who was the administrator of a region and was dismissed."""
    person, at = Person("staff"), datetime.now(UTC)
    appointed = AdministratorAppointed(
        version=1, appointment_id=new_id(), user_id=person.id, region=region, appointed_by=None, appointed_at=at
    )
    dismissed = AdministratorDismissed(
        version=2,
        appointment_id=appointed.appointment_id,
        user_id=person.id,
        region=region,
        dismissed_by=stage.operator.id,
        dismissed_at=at,
    )
    with stage.database.begin() as session:
        appointments.record(session, [appointed])
        appointments.record(session, [dismissed])
    return person


def sibling(code: str) -> str:
    """Return the code of the next region beside this one."""
    return f"{code[:-1]}{(int(code[-1]) + 1) % 10}"


def resolve(row: Mapping[str, Any], method: str, callers: Collection[Caller], giver: str) -> set[str]:
    """Return the names of the callers that a row lets in; `giver` is the giver of the thing.

    An auditor, and an administrator above the village without a second factor, read as others do, and act on their own account alone.
    """
    found = _resolve_words(row["may"], callers, giver)
    if "anyone" in row["may"] or method == "get" or row.get("own"):
        return found | ({UNPROVEN} if "county" in found else set())
    return found - {UNPROVEN} - _resolve_words(["auditors"], callers, giver)


def _resolve_words(words: Iterable[str], callers: Collection[Caller], giver: str) -> set[str]:
    kinds = {caller.name: caller.person.kind for caller in callers if caller.person}
    groups = {
        "anyone": {caller.name for caller in callers},
        "signed in": set(kinds),
        "every giver": {name for name, kind in kinds.items() if kind in GIVERS},
        "our givers": set(GIVERS),
        "every official": {name for name, kind in kinds.items() if kind in GOVERNMENT},
        "every body": {name for name, kind in kinds.items() if kind in {"organisation", "merchant", "work_unit"}},
        "every household": {name for name, kind in kinds.items() if kind == "household"},
        "all staff": {name for name, kind in kinds.items() if kind in STAFF},
        "auditors": {name for name in kinds if name.endswith("auditor")},
        "managers": {"poster", *DIGITS},
        "above the village": ABOVE,
        "county and wider": ABOVE - {"township"},
        "giver": {"township" if giver == "staff" else giver},
    }
    found = {name for word in words for name in groups.get(word, {word})}
    assert found <= groups["anyone"], f"unknown callers: {found - groups['anyone']}"
    return found
