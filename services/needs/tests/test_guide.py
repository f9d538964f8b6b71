"""The guide, and the warnings of a post: typical quantities, what waits and is offered, the household's needs."""

from typing import Any
from uuid import UUID

from msgspec.structs import replace
from sqlalchemy import text

from chassis.data.database import new_id
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of
from chassis.testing.rows_read import rows_read
from contracts.generate import example_of
from contracts.matching import BalanceChanged
from needs.guide import actions
from needs.guide.rules import FEWEST

from .conftest import VILLAGE, household_in, rice


def balance(database: RolledBack, region: str, balance_id: UUID | None = None, version: int = 1, **figures: int) -> UUID:
    stated = {"waiting_needs": 0, "waiting_units": 0, "open_pledges": 0, "open_units": 0, "typical_days": 9, "category": "food.rice"}
    event = replace(
        example_of(BalanceChanged), balance_id=balance_id or new_id(), version=version, region=region, unit="kg", **stated | figures
    )
    with database.begin() as session:
        actions.record_balances(session, [event])
    return event.balance_id


def publish(client: Client, database: RolledBack, village: Person, town: Person, *quantities: int) -> None:
    for quantity in quantities:
        wanted = rice(household_id=str(household_in(database, VILLAGE)), consent="slip", quantity=quantity)
        need = client.post("/v1/needs", wanted, by=village).json["id"]
        assert client.post(f"/v1/needs/{need}/verification", by=town).status_code == 201


def codes(answer: Any) -> list[str]:
    return [warning["code"] for warning in answer.json["warnings"]]


def test_guide_tells_typical_quantities_and_balance(client: Client, database: RolledBack, village: Person, town: Person) -> None:
    publish(client, database, village, town, 10, 20, 30, 40, 50)
    county = balance(database, VILLAGE[:6], waiting_needs=5, waiting_units=150)
    balance(database, VILLAGE[:2], open_pledges=3, open_units=70)
    guide = client.get("/v1/guide", by=village, category="food.rice", quantity=151).json
    assert [(one["region"], one["count"], one["quantities"]) for one in guide["typical"]] == [
        (region, 5, [20, 30, 40, 50]) for region in (VILLAGE[:6], "")
    ]
    figures = [(one["region"], one["waiting_units"], one["open_units"], one["typical_days"]) for one in guide["balance"]]
    assert figures == [(VILLAGE[:6], 150, 0, 9), (VILLAGE[:4], 0, 0, None), (VILLAGE[:2], 0, 70, 9), ("", 0, 0, None)]
    assert (guide["item"]["unit"], guide["item"]["days"], guide["item"]["most"], guide["household"]) == ("kg", 60, 200, None)
    warning, usual = guide["warnings"]
    assert (usual["code"], usual["zh"]) == ("above_usual", "通常每户申请：15 公斤大米，请核对数量")
    assert (warning["code"], warning["figures"]) == ("far_above_typical", {"quantity": 151, "most_ask_for": 50})
    assert "高于" in warning["zh"]
    balance(database, VILLAGE[:6], county, version=1, waiting_units=1)
    assert client.get("/v1/guide", by=village, category="food.rice").json["balance"][0]["waiting_units"] == 150


def test_few_needs_tell_nothing_typical(client: Client, database: RolledBack, village: Person, town: Person) -> None:
    publish(client, database, village, town, *[1] * (FEWEST - 1))
    assert "far_above_typical" not in codes(client.get("/v1/guide", by=village, category="food.rice", quantity=1000))


def test_guide_counts_the_household_s_needs(client: Client, database: RolledBack, village: Person) -> None:
    account = Person("household")
    home = household_in(database, VILLAGE, account)
    for _ in range(2):
        client.post("/v1/needs", rice(), by=account)
    for by, asked in ((account, {}), (village, {"household_id": str(home)})):
        guide = client.get("/v1/guide", by=by, category="food.rice", **asked)
        assert guide.json["household"] == {"open": 2, "last_year": 2, "same_item": 2, "advised_open": 5, "advised_a_year": 20}
        assert [one["figures"] for one in guide.json["warnings"] if one["code"] == "same_item_open"] == [{"open": 2}]
    assert "same_item_open" not in codes(client.get("/v1/guide", by=account, category="food.oil"))
    with database.begin() as session:
        entries = session.execute(text("SELECT act, person_id FROM audit.entries WHERE act = 'get_guide'")).all()
    assert [tuple(entry) for entry in entries] == [("get_guide", account.id)]


def test_guide_advises_on_households_of_the_caller_alone(client: Client, database: RolledBack, household: UUID) -> None:
    for other in (administrator_of(database, "510923"), Person("household")):
        refused = client.get("/v1/guide", by=other, category="food.rice", household_id=str(household))
        assert (refused.status_code, refused.json["code"]) == (422, "unknown_household")
    assert client.get("/v1/guide", by=Person("donor"), category="food.rice").status_code == 403
    assert client.get("/v1/guide", by=Person("household"), category="food").json["code"] == "unknown_item"


def test_post_answers_with_warnings(client: Client, database: RolledBack, village: Person, town: Person) -> None:
    publish(client, database, village, town, 10, 20, 30, 40, 50)
    balance(database, VILLAGE[:2], open_pledges=1, open_units=10, waiting_units=51)
    wanted = rice(household_id=str(household_in(database, VILLAGE)), consent="slip")
    found = [codes(client.post("/v1/needs", wanted | {"quantity": quantity}, by=village)) for quantity in (50, 151, None, 50, 50, 50)]
    assert found[:3] == [
        ["above_usual", "size_unknown", "much_waits"],
        ["far_above_typical", "above_usual", "size_unknown", "same_item_open", "much_waits"],
        ["size_unknown", "same_item_open", "much_waits"],
    ]
    assert "many_open" not in found[4]
    assert "many_open" in found[5]


def test_nothing_offered_is_a_warning(client: Client, village: Person) -> None:
    assert codes(client.get("/v1/guide", by=village, category="food.rice")) == ["nothing_offered"]


def test_guide_reads_a_bounded_number_of_rows(client: Client, database: RolledBack, village: Person, household: UUID) -> None:
    client.post("/v1/needs", rice(household_id=str(household), consent="slip"), by=village)
    with database.begin() as session:
        session.execute(
            text(
                "INSERT INTO needs (id, version, household_id, poster_id, region, category, unit, quantity, urgency, reason, state,"
                " posted_at, published_at) SELECT gen_random_uuid(), 2, gen_random_uuid(), gen_random_uuid(), region, category, unit,"
                " 1 + n % 90, urgency, reason, 'published', now(), now() FROM needs, generate_series(1, 400) AS n"
            )
        )
        # A table that is small is rather read whole.
        session.execute(
            text(
                "INSERT INTO need_listings (region, category, id, urgency, is_open)"
                " SELECT '99', 'farming', CAST(lpad(to_hex(n), 32, '0') AS uuid), 1, true FROM generate_series(1, 30000) AS n"
            )
        )
        session.execute(text("ANALYZE needs, need_listings"))
    asked = {"category": "food.rice", "household_id": str(household)}
    with rows_read(database.engine) as reading:
        guide = client.get("/v1/guide", by=village, **asked).json
    assert {one["count"] for one in guide["typical"]} == {200}
    assert reading.rows < 850, reading.largest_scan()
