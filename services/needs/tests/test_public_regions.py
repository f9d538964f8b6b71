"""Regions that the public sees: a township stands for five households at least, and no pledge asks for a village."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, text

from chassis.data import k_anonymity
from chassis.data.database import new_id
from chassis.testing.fixtures import Client, Person, RolledBack
from needs import actions
from needs.filters import Scope
from needs.model import Need

from .conftest import VILLAGE, offer, pending

NEXT_VILLAGE, OTHER_TOWN = VILLAGE[:9] + "002", VILLAGE[:6] + "002001"
TOWN, COUNTY = VILLAGE[:9], VILLAGE[:6]


def publish(database: RolledBack, region: str = VILLAGE, household: UUID | None = None, *, of_institution: bool = False) -> UUID:
    need = Need(
        household_id=household or new_id(), poster_id=new_id(), region=region, category="food.rice", unit="kg", quantity=5,
        urgency="normal", reason="家中断粮", state="published", published_at=datetime.now(UTC), of_institution=of_institution,
    )  # fmt: skip
    with database.begin() as session:
        session.add(need)
        session.flush()
        return need.id


def listed(client: Client, **query: Any) -> list[str]:
    return [item["region"] for item in client.get("/v1/needs", **query).json["items"]]


def twin(value: Any, reason: str) -> Any:
    """A parameter that takes the guard out; the test must fail with it."""
    return pytest.param(value, marks=pytest.mark.xfail(strict=True, raises=AssertionError, reason=reason))


@pytest.mark.parametrize("fewest", [5, twin(1, "without the crowd it is the township")])
def test_four_households_are_shown_in_their_county(
    client: Client, database: RolledBack, monkeypatch: pytest.MonkeyPatch, fewest: int
) -> None:
    monkeypatch.setattr(k_anonymity, "FEWEST_HOUSEHOLDS", fewest)
    again = new_id()
    needs = [publish(database, region, again) for region in (VILLAGE, VILLAGE, NEXT_VILLAGE)]
    needs += [publish(database) for _ in range(3)]
    for query in ({}, {"region": COUNTY}, {"region": "51", "category": "food"}):
        assert listed(client, **query) == [COUNTY] * 6
    assert listed(client, region=TOWN) == listed(client, region=OTHER_TOWN[:9]) == []
    assert client.get(f"/v1/needs/{needs[0]}").json["region"] == COUNTY
    with database.begin() as session:
        session.execute(text("UPDATE needs SET state = 'closed' WHERE id = :id"), {"id": needs[0]})
    assert client.get(f"/v1/needs/{needs[0]}", by=Person("donor")).json["region"] == COUNTY


def test_institution_is_no_household_behind_a_township(client: Client, database: RolledBack) -> None:
    for number in range(6):
        publish(database, of_institution=number > 3)
    assert listed(client) == [COUNTY] * 6
    publish(database)
    assert listed(client) == [TOWN] * 7


def test_the_fifth_household_shows_the_township_to_all(client: Client, database: RolledBack) -> None:
    publish(database, OTHER_TOWN)
    for _ in range(4):
        publish(database)
    assert listed(client) == [COUNTY] * 5
    last = publish(database, NEXT_VILLAGE)
    assert listed(client) == [TOWN] * 5 + [COUNTY]
    assert listed(client, region=TOWN) == [TOWN] * 5
    assert client.get(f"/v1/needs/{last}").json["region"] == TOWN
    with database.begin() as session:
        session.execute(text("UPDATE needs SET state = 'withdrawn' WHERE id = :id"), {"id": last})
    assert listed(client) == [COUNTY] * 5
    assert listed(client, region=TOWN) == []


def test_its_own_side_and_administrators_see_the_village(client: Client, database: RolledBack, village: Person, town: Person) -> None:
    need = publish(database)
    for person in (village, town):
        assert client.get(f"/v1/needs/{need}", by=person).json["region"] == VILLAGE
    assert [item["region"] for item in client.get("/v1/needs/managed", by=town).json["items"]] == [VILLAGE]


def test_an_empty_township_refuses_a_malformed_cursor_too(client: Client) -> None:
    assert client.get("/v1/needs", region=TOWN, cursor="???").json["code"] == "invalid"


def test_households_are_counted_in_few_index_entries(client: Client, database: RolledBack) -> None:
    with database.begin() as session:
        session.execute(
            text(
                "INSERT INTO needs (id, version, household_id, poster_id, region, category, unit, quantity, urgency, reason, state,"
                " posted_at)"
                " SELECT gen_random_uuid(), 2, CAST(lpad(to_hex(n % 3), 32, '0') AS uuid), gen_random_uuid(), :region, 'food.rice', 'kg',"
                " 1, 'normal', '', 'published', now() FROM generate_series(1, 3000) AS n"
            ),
            {"region": VILLAGE},
        )
        session.execute(text("ANALYZE needs"))
    with plans(database) as read:
        assert client.get("/v1/needs", region=TOWN).json["items"] == []
    assert 0 < sum(read) <= 20


@pytest.mark.parametrize("is_narrow", [False, twin(True, "without the narrowest scope a village passes")])
def test_a_pledge_to_a_village_is_refused_alike(
    client: Client, database: RolledBack, donor: Person, monkeypatch: pytest.MonkeyPatch, is_narrow: bool
) -> None:
    if is_narrow:
        monkeypatch.setattr(Scope, "_deserialize", lambda _, value, *rest, **more: value)
    publish(database)
    pledge = client.post("/v1/pledges", offer(region=TOWN), by=donor)
    assert pledge.status_code == 201
    known = len(pending(database))
    answers = []
    for region in (VILLAGE, NEXT_VILLAGE, OTHER_TOWN):
        answers += [
            client.post("/v1/pledges", offer(region=region), by=donor),
            client.patch(f"/v1/pledges/{pledge.json['id']}", {"region": region}, by=donor),
        ]
    assert {(answer.status_code, answer.json.get("code")) for answer in answers} == {(422, "invalid")}
    assert {error["code"] for answer in answers for error in answer.json["errors"]} == {"region_too_narrow"}
    assert len(pending(database)) == known
    assert client.post("/v1/pledges", offer(region=f"{TOWN}999"), by=donor).json["errors"][0]["code"] == "unknown_region"


@pytest.mark.parametrize("is_marked", [True, twin(False, "without the mark all are read")])
@pytest.mark.parametrize("query", [{}, {"region": "5109"}, {"category": "food"}])
def test_expired_pledges_cost_the_list_nothing(
    client: Client, database: RolledBack, donor: Person, is_marked: bool, query: dict[str, str]
) -> None:
    pledge = client.post("/v1/pledges", offer(region=COUNTY), by=donor).json["id"]
    with database.begin() as session:
        for age, id_ in (("1 hour", "'ffffffff"), ("-1 day", "'00000000")):
            session.execute(
                text(
                    "INSERT INTO pledges SELECT (jsonb_populate_record(pledges, jsonb_build_object('id', CAST("
                    f" {id_}-0000-7000-8000-' || lpad(to_hex(n), 12, '0') AS uuid), 'valid_until', now() - interval '{age}'))).*"
                    " FROM pledges, generate_series(1, 400) AS n WHERE pledges.id = :pledge"
                ),
                {"pledge": pledge},
            )
        if is_marked:
            assert actions.expire_pledges(session) == 400
        session.execute(text("ANALYZE pledges, pledge_listings"))
    with plans(database) as read:
        items = client.get("/v1/pledges", **query).json["items"]
    assert len(items) == 20
    assert 0 < sum(read) <= 10 * len(items)


@contextmanager
def plans(database: RolledBack) -> Iterator[list[int]]:
    """Collect the numbers of rows that each statement on needs or pledges reads, filtered rows included."""
    read: list[int] = []

    def explain(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.lstrip().startswith(("SELECT", "WITH")) and ("needs" in statement or "pledge" in statement):
            [[plan]] = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters).all()
            read.append(rows_read(plan[0]["Plan"]))

    event.listen(database._connection, "before_cursor_execute", explain)
    try:
        yield read
    finally:
        event.remove(database._connection, "before_cursor_execute", explain)


def rows_read(node: dict[str, Any]) -> int:
    of_tables = node.get("Relation Name") in {"needs", "pledges", "need_listings", "pledge_listings"}
    rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return of_tables * round(rows * node["Actual Loops"]) + sum(map(rows_read, node.get("Plans", [])))
