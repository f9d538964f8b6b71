"""The register of regions: complete, read downwards and upwards, searched by name."""

import pytest
from sqlalchemy import func, select, text

from chassis.data.database import below
from chassis.testing.fixtures import Client, RolledBack
from users.regions.model import Region
from users.regions.names import find_codes


def test_all_regions_of_the_edition_are_loaded(database: RolledBack) -> None:
    with database.begin() as session:
        by_length = session.execute(select(func.length(Region.code), func.count()).group_by(func.length(Region.code))).all()
    assert dict(map(tuple, by_length)) == {2: 31, 4: 342, 6: 2_978, 9: 41_352, 12: 620_573}


def test_the_list_without_filters_holds_the_provinces(client: Client) -> None:
    items = client.get("/v1/regions").json["items"]
    assert len(items) == 31
    assert {"code": "51", "name": "四川省", "level": "province", "ancestors": [], "formerly": []} in items


def test_a_region_has_its_level_and_its_ancestors(client: Client) -> None:
    shown = client.get("/v1/regions/510903001001").json
    assert (shown["level"], shown["asked"]) == ("village", "510903001001")
    assert [(one["code"], one["level"]) for one in shown["ancestors"]] == [
        ("51", "province"), ("5109", "city"), ("510903", "county"), ("510903001", "town"),
    ]  # fmt: skip
    assert [one["name"] for one in shown["ancestors"]][:3] == ["四川省", "遂宁市", "船山区"]


def test_a_region_is_shown_even_if_an_ancestor_is_missing(client: Client, database: RolledBack) -> None:
    with database.begin() as session:
        session.execute(text("DELETE FROM regions WHERE code = '510903001'"))
    shown = client.get("/v1/regions/510903001001")
    assert (shown.status_code, shown.json["ancestors"][-1]) == (200, {"code": "510903001", "name": "510903001", "level": "town"})


def test_children_are_one_level_below_sorted_by_code(client: Client) -> None:
    counties = client.get("/v1/regions/5109/children").json["items"]
    assert [one["code"] for one in counties] == ["510903", "510904", "510921", "510923", "510981"]
    assert {one["level"] for one in counties} == {"county"}
    villages = client.get("/v1/regions/510903001/children").json["items"]
    assert villages
    assert all(one["code"].startswith("510903001") and one["level"] == "village" for one in villages)
    assert client.get(f"/v1/regions/{villages[0]['code']}/children").json["items"] == []


def test_a_former_code_is_answered_with_the_present_region(client: Client) -> None:
    shown = client.get("/v1/regions/510922").json
    assert (shown["asked"], shown["code"], shown["name"]) == ("510922", "510981", "射洪市")
    assert shown["formerly"] == [{"code": "510922", "name": "射洪县"}]
    assert client.get("/v1/regions/510922/children").json == client.get("/v1/regions/510981/children").json


@pytest.mark.parametrize("code", ["99", "5109x", "510903001001001", "５１", "%27--", "mine"])
def test_an_invalid_code_is_not_found(client: Client, code: str) -> None:
    for path in (f"/v1/regions/{code}", f"/v1/regions/{code}/children"):
        assert (client.get(path).status_code, client.get(path).json["code"]) == (404, "not_found")


def test_two_characters_of_a_name_find_it_the_wider_first(client: Client) -> None:
    found = client.get("/v1/regions", name="射洪").json["items"]
    assert found[0]["code"] == "510981"
    assert [one["name"] for one in found[0]["ancestors"]] == ["四川省", "遂宁市"]
    lengths = [len(one["code"]) for one in found]
    assert lengths == sorted(lengths)
    assert all("射洪" in one["name"] for one in found)


def test_the_name_of_before_is_found_too(client: Client) -> None:
    assert [one["name"] for one in client.get("/v1/regions", name="射洪县").json["items"]] == ["射洪市"]
    assert client.get("/v1/regions", name="射洪县", within="5107").json["items"] == []


def test_a_search_stays_within_a_region_and_a_limit(client: Client) -> None:
    assert len(client.get("/v1/regions", name="朝阳").json["items"]) == 20
    found = client.get("/v1/regions", name="朝阳", within="51", limit=100).json["items"]
    assert 0 < len(found) <= 100
    assert all(one["code"].startswith("51") for one in found)


def test_without_a_name_the_limit_cuts_the_list(client: Client) -> None:
    assert len(client.get("/v1/regions").json["items"]) == 31
    assert [one["code"] for one in client.get("/v1/regions", limit=2).json["items"]] == ["11", "12"]
    assert len(client.get("/v1/regions", within="51", limit=3).json["items"]) == 3


@pytest.mark.parametrize("name", ["%", "_", "100%", "\\", "'", "没有这个地方"])
def test_a_search_without_a_match_finds_nothing(client: Client, name: str) -> None:
    assert client.get("/v1/regions", name=name).json["items"] == []


@pytest.mark.parametrize("query", [{"name": ""}, {"name": "长" * 51}, {"limit": "0"}, {"limit": "1_0"}, {"within": "999"}])
def test_a_malformed_search_is_refused(client: Client, query: dict[str, str]) -> None:
    answer = client.get("/v1/regions", **query)
    assert (answer.status_code, answer.json["code"]) == (422, "invalid")


def test_a_search_equals_one_of_the_whole_register(database: RolledBack) -> None:
    for name, within in [("村", ""), ("委会", "65"), ("射洪", "5109"), ("三", "510903"), ("市", "5109"), ("船山", "510903"), ("\n", "")]:
        with database.begin() as session:
            every = select(Region.code).where(Region.name.contains(name), below(Region.code, within))
            wanted = session.scalars(every.order_by(func.length(Region.code), Region.code).limit(50)).all()
            assert find_codes(session, name, within, 50) == list(wanted)
