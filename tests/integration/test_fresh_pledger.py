"""One fresh account that pledges a thousand million of everything binds a few needs and no more."""

import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from chassis.data.database import new_id
from chassis.testing.fixtures import KnownKeys, Person
from chassis.testing.twins import unguarded
from contracts.generate import example_of
from contracts.users import InstitutionRegistered, OrganisationVerified
from needs.catalogue import catalogue
from needs.limits import actions as limits
from needs.limits import rules
from needs.limits.defaults import default_limits
from needs.limits.rules import Giving
from tests.architecture.test_flow import VILLAGE, House

ITEMS = ["clothing.coat", "clothing.quilt", "household.bed", "household.fan", "household.phone", "medical.wheelchair", "medical.crutch"]
NEEDS, UNITS = 3, 50
"""Needs of each item, and units of each need."""
MOST_OPEN, MOST_UNITS = (default_limits()["donor", "new", limit] for limit in ("open_pledges", "units"))


def pledge(category: str, unit: str | None, quantity: int) -> dict[str, Any]:
    until, keeps = ((datetime.now(UTC) + timedelta(days=days)).isoformat() for days in (30, 90))
    stated = {"kind": "goods", "category": category, "unit": unit, "quantity": quantity, "region": ""}
    return stated | {"valid_until": until, "best_before": keeps}


def test_givers_of_the_sandbox_stay_within_the_limits() -> None:
    for giver in tomllib.loads(files("deploy.local").joinpath("sandbox.toml").read_text("utf-8"))["givers"]:
        _, category, unit, quantity, region, _ = giver["pledge"]
        found = rules.choose_limits(giver["kind"], "new", region, {})
        assert rules.find_giving_problem(found, Giving(1, quantity, quantity, 0, has_delivered=False), category, unit) is None, giver[
            "name"
        ]


@pytest.fixture(scope="module")
def house(database_of: Callable[[str, str], str], keys: KnownKeys) -> Iterator[House]:
    opened = House(database_of, keys, "fresh_pledger")
    yield opened
    opened.close()


def post_needs(house: House) -> list[UUID]:
    """Post and verify needs of every item, for schools, which may ask for more than a household."""
    village, town, county, needs = house.appoint(VILLAGE), house.appoint(VILLAGE[:9]), house.appoint(VILLAGE[:6]), []
    for _ in range(NEEDS):
        school = replace(example_of(InstitutionRegistered), institution_id=new_id(), region=VILLAGE)
        house.hear(school)
        wanted = {"household_id": str(school.institution_id), "quantity": UNITS, "reason": "过冬"}
        for category in ITEMS:
            need = house.post("needs", "/v1/needs", wanted | {"category": category}, by=village)
            verified = house.post("needs", f"/v1/needs/{need['id']}/verification", by=town)
            if verified["state"] == "confirmed":
                house.post("needs", f"/v1/needs/{need['id']}/verification", by=county)
            needs.append(UUID(need["id"]))
    return needs


def pledge_everything(house: House, attacker: Person) -> None:
    """Pledge a thousand million of each item, then as much as may pass."""
    for item in catalogue().values():
        if item.unit:
            house.clients["needs"].post("/v1/pledges", pledge(item.category, item.unit, 10**9) | {"kind": item.kind}, by=attacker)
    for category in ITEMS:
        house.clients["needs"].post("/v1/pledges", pledge(category, "piece", MOST_UNITS), by=attacker)


def count_bound(house: House, needs: list[UUID], pledger: Person) -> int:
    """Deliver and clear everything; count these needs that wait for an answer of the pledger."""
    house.deliver()
    house.clear()
    house.deliver()
    query = text("SELECT count(DISTINCT need_id) FROM matches WHERE state = 'proposed' AND need_id = ANY(:needs) AND pledger_id = :pledger")
    with house.databases["matching"].begin() as session:
        return session.scalar(query, {"needs": needs, "pledger": pledger.id}) or 0


@pytest.mark.parametrize("is_limited", [True, unguarded(False, "without limits, one fresh account binds every open need for 72 hours")])
def test_a_fresh_account_binds_a_bounded_number_of_needs(house: House, monkeypatch: pytest.MonkeyPatch, is_limited: bool) -> None:
    if not is_limited:
        monkeypatch.setattr(limits, "require_room_for_pledge", lambda session, caller, pledge: None)
    with house.databases["matching"].begin() as session:
        session.execute(text("UPDATE pledges SET ended = true, rest = 0"))
    needs, attacker, organisation = post_needs(house), Person("donor"), Person("organisation")
    pledge_everything(house, attacker)
    bound = count_bound(house, needs, attacker)
    assert 0 < bound <= MOST_OPEN * MOST_UNITS // UNITS < len(needs)

    again = house.clients["needs"].post("/v1/pledges", pledge("medical.crutch", "piece", 1), by=attacker)
    assert again.json["code"] in {"too_many_pledges", "too_many_proposals"}
    at = datetime.now(UTC)
    house.hear(OrganisationVerified(version=1, user_id=organisation.id, region=VILLAGE[:6], verified_by=new_id(), verified_at=at))
    for category in ITEMS:
        house.post("needs", "/v1/pledges", pledge(category, "piece", 1_000), by=organisation)
    assert count_bound(house, needs, organisation) == len(needs) - bound, "all others are free for whoever means it"
