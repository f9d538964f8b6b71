"""Needs, pledges, households, listings, reviews and limits follow a region to its successor."""

from datetime import date
from typing import Any

from sqlalchemy import text

from chassis.data.region_moves import move_due
from chassis.data.regions import id_of, record
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of
from contracts.users import RegionListed, RegionSucceeded
from needs.region_moves import MOVES

from .conftest import VILLAGE, household_in, offer, rice

DAY = date(2026, 1, 1)
AFTER = {code: code.replace("510903", "510905", 1) for code in (VILLAGE[:6], VILLAGE[:9], VILLAGE)}


def succeed(database: RolledBack, after: dict[str, str]) -> int:
    with database.begin() as session:
        listed: list[Any] = [
            RegionListed(version=1, region_id=id_of(code), code=code, region_name="新", valid_from=DAY) for code in after.values()
        ]
        ended = [
            RegionSucceeded(version=1, region_id=id_of(code), code=code, region_name="旧", valid_until=DAY, successors=[new])
            for code, new in after.items()
        ]
        record(session, [*ended, *listed])
    with database.begin() as session:
        return move_due(session, MOVES)


def test_needs_and_pledges_follow_with_their_listings(
    client: Client, database: RolledBack, town: Person, village: Person, donor: Person
) -> None:
    household = str(household_in(database, VILLAGE))
    city = administrator_of(database, VILLAGE[:4])
    client.put(f"/v1/review-settings?region={VILLAGE[:4]}", {"sample_per_mille": 1_000}, by=city)
    need = client.post("/v1/needs", rice(household_id=household, consent="slip"), by=village).json["id"]
    client.post(f"/v1/needs/{need}/verification", by=town)
    pledge = client.post("/v1/pledges", offer(region=VILLAGE[:6]), by=donor).json["id"]
    assert succeed(database, AFTER) == 9
    assert [sample["region"] for sample in client.get("/v1/samples", by=city).json["items"]] == [AFTER[VILLAGE]]
    with database.begin() as session:
        assert session.scalars(text("SELECT region FROM villages")).all() == [AFTER[VILLAGE]]
    assert client.get(f"/v1/needs/{need}", by=village).json["region"] == AFTER[VILLAGE]
    assert client.get(f"/v1/pledges/{pledge}", by=donor).json["region"] == "510905"
    for region in ("510905", "510903"):
        assert [one["id"] for one in client.get("/v1/needs", region=region).json["items"]] == [need]
        assert [one["id"] for one in client.get("/v1/pledges", region=region).json["items"]] == [pledge]
    with database.begin() as session:
        left = session.execute(text("SELECT region FROM need_listings UNION SELECT region FROM pledge_listings")).scalars().all()
    assert not [region for region in left if region.startswith("510903")]
    posted = client.post("/v1/needs", rice(household_id=household, consent="slip"), by=village)
    assert (posted.status_code, posted.json["region"]) == (201, AFTER[VILLAGE])


def test_limits_follow_unless_the_successor_has_its_own(client: Client, database: RolledBack) -> None:
    country = administrator_of(database, "51")
    limits = [{"kind": "donor", "trust": "new", "limit": "units", "most": 7}]
    for region in ("510903", "510903", "510904", "510921"):
        assert client.put(f"/v1/limits?region={region}", {"limits": limits}, by=country).status_code == 200
    succeed(database, {"510903": "510905", "510904": "510921"})
    with database.begin() as session:
        kept = session.execute(text("SELECT region, max(version) FROM limits GROUP BY 1 ORDER BY 1")).all()
    assert [tuple(one) for one in kept] == [("510904", 1), ("510905", 2), ("510921", 1)]
