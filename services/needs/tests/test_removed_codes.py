"""Needs and pledges outlive the catalogue and the register of regions: a code that was removed there is shown as it is."""

import pytest
from sqlalchemy import text

from chassis.testing.fixtures import Client, Person, RolledBack
from contracts import regions
from needs.catalogue import catalogue

from .conftest import VILLAGE, household_in, offer, rice

ITEM, UNIT, REGION = "food.caviar", "caskful", "510903001999"


@pytest.fixture
def gone(client: Client, database: RolledBack, town: Person, village: Person, donor: Person) -> dict[str, str]:
    """A published need, a posted need and a pledge, of an item and for a village that no longer exist."""
    assert ITEM not in catalogue()
    assert not regions.known(REGION)
    asked = rice(household_id=str(household_in(database, VILLAGE)), consent="slip")
    ids = {name: client.post("/v1/needs", asked, by=village).json["id"] for name in ("published", "waiting")}
    client.post(f"/v1/needs/{ids['published']}/verification", by=town)
    ids["pledge"] = client.post("/v1/pledges", offer(), by=donor).json["id"]
    with database.begin() as session:
        for table in ("needs", "pledges"):
            changed = f"UPDATE {table} SET category = :item, unit = :unit, region = :region"
            session.execute(text(changed), {"item": ITEM, "unit": UNIT, "region": REGION})
    return ids


def test_a_removed_item_and_village_are_shown_by_their_codes(client: Client, town: Person, donor: Person, gone: dict[str, str]) -> None:
    published, waiting, pledge = f"/v1/needs/{gone['published']}", f"/v1/needs/{gone['waiting']}", f"/v1/pledges/{gone['pledge']}"
    of_all = ["/v1/needs", f"/v1/needs?category={ITEM}", published, "/v1/pledges"]
    looks = {None: of_all, town: ["/v1/needs/managed", waiting], donor: ["/v1/pledges/mine", pledge]}
    for by, path in ((by, path) for by, paths in looks.items() for path in paths):
        answer = client.get(path, by=by)
        assert answer.status_code == 200, (path, answer.json)
        shown = answer.json.get("items", [answer.json])
        assert {(one["category"], one["unit"], one["region"][:6]) for one in shown} == {(ITEM, UNIT, REGION[:6])}, path


def test_acts_on_a_removed_item_and_village_still_work(client: Client, town: Person, donor: Person, gone: dict[str, str]) -> None:
    verified = client.post(f"/v1/needs/{gone['waiting']}/verification", by=town)
    closed = client.post(f"/v1/needs/{gone['published']}/closing", {"reason": "no_longer_needed"}, by=town)
    changed = client.patch(f"/v1/pledges/{gone['pledge']}", {"quantity": 7}, by=donor)
    withdrawn = client.post(f"/v1/pledges/{gone['pledge']}/withdrawal", by=donor)
    assert [answer.status_code for answer in (verified, closed, changed, withdrawn)] == [201, 201, 202, 202]
