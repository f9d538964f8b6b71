"""Lists of gifts from spreadsheets: read without storing anything, settled by their giver, offered as a whole, and never twice."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from chassis.testing.fixtures import Client, Person, RolledBack
from chassis.testing.twins import unguarded
from chassis.testing.workbooks import number, sheet, workbook
from contracts.event import Event
from contracts.generate import example_of
from contracts.users import OrganisationVerified, PersonErased
from needs.erasure import actions as erasure
from needs.limits import actions as limits
from needs.pledge_lists import queries
from needs.pledge_lists.rules import digest_line, end_of_day

from .conftest import offer, pending

HEADINGS = ["品名", "数量", "单位", "区划代码", "有效期至", "保质期至", "每户上限", "备注"]
UNTIL = (datetime.now(UTC) + timedelta(days=90)).date().isoformat()
KEEPS = end_of_day(UNTIL).isoformat()


@pytest.fixture
def factory(database: RolledBack) -> Person:
    """A verified enterprise."""
    person = Person("organisation")
    with database.begin() as session:
        limits.record_verifications(session, [replace(example_of(OrganisationVerified), user_id=person.id, version=1)])
    return person


def csv_of(*rows: list[str], headings: list[str] = HEADINGS) -> bytes:
    return "\r\n".join(",".join(row) for row in (headings, *rows)).encode()


def read(client: Client, by: Person, content: bytes, **query: str) -> Any:
    return client.flask.post(
        "/v1/pledge-lists/reading", data=content, query_string=query, headers=client._headers(by), content_type="text/csv"
    )


def lines_of(answer: Any) -> list[tuple[int, str, str | None, int | None, list[str]]]:
    assert answer.status_code == 200, answer.json
    assert all(note["message"] for line in answer.json["lines"] for note in line["notes"])
    return [
        (line["row"], line["outcome"], line["category"], line["quantity"], [note["code"] for note in line["notes"]])
        for line in answer.json["lines"]
    ]


def list_of(*lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    until = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    dated = [({"best_before": KEEPS} if line["category"].startswith("food") else {}) | line for line in lines]
    return {"region": "5109", "valid_until": until, "lines": dated} | more


def count_pledges(database: RolledBack) -> int:
    return int(database.found(text("SELECT count(*) FROM pledges"))[0][0])


def test_crooked_list_is_read_and_nothing_is_stored(client: Client, database: RolledBack, factory: Person) -> None:
    rows = [
        ["某厂捐赠清单"], HEADINGS,
        ["棉被", "500床", "", "510903", UNTIL, "", "2", "冬款"],
        ["大米", "1万", "公斤", "", "", UNTIL],
        ["食盐", "500箱"],
        ["面粉", "5000–1万"],
        ["轮椅", "大量"],
        ["拐杖", number("20")],
        ["铺盖卷儿", "3"],
        ["大米", "20", "", "510903001001"],
        ["食用油", "20", "", "", "2020-01-01"],
        ["茅台酒", "3"],
        ["合计", "999"],
    ]  # fmt: skip
    answer = read(client, factory, workbook({"清单": sheet(rows)}))
    assert lines_of(answer) == [
        (3, "ready", "clothing.quilt", 500, []),
        (4, "ready", "food.rice", 10_000, []),
        (5, "held", "food.salt", None, ["quantity_package"]),
        (6, "held", "food.flour", None, ["quantity_range", "best_before_needed"]),
        (7, "held", "medical.wheelchair", None, ["quantity_unknown"]),
        (8, "ready", "medical.crutch", 20, []),
        (9, "held", None, None, ["item_unknown"]),
        (10, "refused", None, None, ["region_too_narrow"]),
        (11, "refused", None, None, ["past_validity"]),
        (12, "refused", None, None, ["forbidden_item"]),
        (13, "refused", None, None, ["row_total"]),
    ]
    first = answer.json["lines"][0]
    assert {name: first[name] for name in ("region", "limit_per_household", "note", "unit", "quantity_written")} == {
        "region": "510903", "limit_per_household": 2, "note": "冬款", "unit": "piece", "quantity_written": "500床",
    }  # fmt: skip
    assert first["valid_until"].startswith(UNTIL)
    assert count_pledges(database) == 0


def test_settled_list_is_offered_and_its_names_are_learned(client: Client, database: RolledBack, factory: Person, donor: Person) -> None:
    content = csv_of(["铺盖卷儿", "200"], ["东北大米", "50公斤"])
    assert [outcome for _, outcome, *_ in lines_of(read(client, factory, content))] == ["held", "held"]
    lines = [
        {"row": 2, "item": "铺盖卷儿", "category": "clothing.quilt", "quantity": 200, "region": "510903", "limit_per_household": 2},
        {"row": 3, "item": "东北大米", "category": "food.rice", "quantity": 50, "note": "真空装"},
    ]
    answer = client.post("/v1/pledge-lists", list_of(*lines), by=factory)
    assert answer.status_code == 201, answer.json
    shown = [(line["row"], line["category"], line["quantity"], line["open"], line["region"]) for line in answer.json["lines"]]
    assert shown == [(2, "clothing.quilt", 200, 200, "510903"), (3, "food.rice", 50, 50, "5109")]
    pledges = [client.get(f"/v1/pledges/{line['pledge_id']}", by=factory).json for line in answer.json["lines"]]
    assert [(one["kind"], one["unit"], one["limit_per_household"], one["note"]) for one in pledges] == [
        ("goods", "piece", 2, None), ("goods", "kg", None, "真空装"),
    ]  # fmt: skip
    assert [(type(event).__name__, event.subject) for event in pending(database)] == [("PledgeOffered", UUID(one["id"])) for one in pledges]
    assert client.get(answer.headers["Location"], by=factory).json == answer.json
    assert client.get(answer.headers["Location"], by=donor).status_code == 404
    assert [one["id"] for one in client.get("/v1/pledge-lists", by=factory).json["items"]] == [answer.json["id"]]
    assert client.get("/v1/pledge-lists", by=donor).json["items"] == []
    assert [category for _, _, category, *_ in lines_of(read(client, factory, content))] == ["clothing.quilt", "food.rice"]
    assert [category for _, _, category, *_ in lines_of(read(client, donor, content))] == [None, None]


def test_pledges_of_a_list_are_as_offered_one_by_one(client: Client, database: RolledBack, factory: Person) -> None:
    """A single offer and a line of a list make the same row and the same event, but for ids and times."""
    wanted, found = offer(note="冬款", limit_per_household=3), list[Any]()
    line = {name: wanted[name] for name in ("category", "quantity", "note", "limit_per_household", "best_before")}
    listed = {"region": wanted["region"], "valid_until": wanted["valid_until"], "lines": [line]}
    for path, body in (("/v1/pledges", wanted), ("/v1/pledge-lists", listed)):
        with database.case():
            assert client.post(path, body, by=factory).status_code == 201
            [row] = database.found(text("SELECT to_jsonb(pledges) - 'id' - 'offered_at' - 'note' FROM pledges"))
            [event] = pending(database)
            found.append((row[0], {name: value for name, value in as_dict(event).items() if name not in {"pledge_id", "offered_at"}}))
            assert database.found(text("SELECT count(*) FROM pledge_listings"))[0][0] > 0
    assert found[0] == found[1]


def as_dict(event: Event) -> dict[str, Any]:
    return {name: getattr(event, name) for name in event.__struct_fields__}


@pytest.mark.parametrize("standing", [None, unguarded(lambda *_: set(), "without a look at earlier lists, everything is offered again")])
def test_list_sent_again_offers_nothing_twice(
    client: Client, database: RolledBack, factory: Person, monkeypatch: pytest.MonkeyPatch, standing: Any
) -> None:
    monkeypatch.setattr(queries, "find_standing", standing or queries.find_standing)
    lines = [{"row": 2, "category": "food.rice", "quantity": 50}, {"row": 3, "category": "clothing.quilt", "quantity": 9}]
    first = client.post("/v1/pledge-lists", list_of(*lines), by=factory).json
    later = (datetime.now(UTC) + timedelta(days=44)).isoformat()
    again = client.post("/v1/pledge-lists", list_of(*lines, valid_until=later), by=factory)
    assert (again.status_code, again.json.get("code"), count_pledges(database)) == (422, "line_refused", 2)
    seen = lines_of(read(client, factory, csv_of(["大米", "50", "", "", "", UNTIL], ["棉被", "8"]), region="5109"))
    assert [codes for *_, codes in seen] == [["offered_before"], ["pledge_open"]]
    assert client.post("/v1/pledge-lists", list_of(*(line | {"again": True} for line in lines)), by=factory).status_code == 201
    for line in first["lines"]:
        client.post(f"/v1/pledges/{line['pledge_id']}/withdrawal", by=factory)
    assert client.post("/v1/pledge-lists", list_of(lines[0]), by=factory).json["code"] == "line_refused"


@pytest.mark.parametrize(
    ("name", "other", "is_same"),
    [
        ("category", "food.oil", False), ("quantity", 41, False), ("region", "510923", False), ("best_before", UNTIL, False),
        ("limit_per_household", 2, False), ("note", "袋装", False), ("valid_until", UNTIL, True),
    ],
)  # fmt: skip
def test_lines_that_differ_in_what_is_offered_are_others(name: str, other: Any, is_same: bool) -> None:
    giver, stated = UUID(int=1), {"category": "food.rice", "quantity": 40, "region": "5109", "best_before": KEEPS, "note": "散装"}
    assert (digest_line(giver, stated | {name: other}) == digest_line(giver, stated)) is is_same
    assert digest_line(UUID(int=2), stated) != digest_line(giver, stated)


def test_what_was_withdrawn_may_be_offered_again(client: Client, factory: Person) -> None:
    line = {"category": "food.rice", "quantity": 50}
    offered = client.post("/v1/pledge-lists", list_of(line), by=factory).json["lines"][0]
    client.post(f"/v1/pledges/{offered['pledge_id']}/withdrawal", by=factory)
    assert client.post("/v1/pledge-lists", list_of(line), by=factory).status_code == 201


def test_equal_lines_of_one_list_need_a_word(client: Client, database: RolledBack, factory: Person) -> None:
    line = {"category": "food.rice", "quantity": 50}
    answer = client.post("/v1/pledge-lists", list_of(line, line), by=factory)
    assert (answer.json["code"], count_pledges(database)) == ("line_refused", 0)
    assert client.post("/v1/pledge-lists", list_of(line, line | {"again": True}), by=factory).status_code == 201
    assert client.post("/v1/pledge-lists", list_of(line | {"note": "第二批"}), by=factory).status_code == 201


def test_lists_keep_the_limits_of_their_giver(client: Client, database: RolledBack, donor: Person) -> None:
    """A new donor may have five open pledges, and 100 units of an item: rice counts by 5 kg."""
    six = [{"category": "food.rice", "quantity": 1 + at} for at in range(6)]
    answer = client.post("/v1/pledge-lists", list_of(*six), by=donor)
    assert (answer.status_code, answer.json["code"], answer.json["limit"]["used"]) == (422, "too_many_pledges", 0)
    two = [{"category": "food.rice", "quantity": 300}, {"category": "food.rice", "quantity": 201}]
    answer = client.post("/v1/pledge-lists", list_of(*two), by=donor)
    assert (answer.status_code, answer.json["code"], answer.json["limit"]["used"]) == (422, "too_many_units", 0)
    assert count_pledges(database) == 0
    assert client.post("/v1/pledges", offer(quantity=450), by=donor).status_code == 201
    assert client.post("/v1/pledge-lists", list_of({"category": "food.rice", "quantity": 50}), by=donor).status_code == 201
    answer = client.post("/v1/pledge-lists", list_of({"category": "food.rice", "quantity": 1}), by=donor)
    assert (answer.json["code"], answer.json["limit"]["used"]) == ("too_many_units", 500)
    [line] = lines_of(read(client, donor, csv_of(["棉被", "101"])))
    assert line == (2, "held", "clothing.quilt", 101, ["too_many_units"])


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ({"category": "food", "quantity": 5}, "line_refused"), ({"category": "gold.bar", "quantity": 5}, "line_refused"),
        ({"category": "food.rice", "quantity": 5, "valid_until": "2020-01-01T00:00:00Z"}, "line_refused"),
        ({"category": "food.rice", "quantity": 5, "best_before": "2020-01-01T00:00:00Z"}, "line_refused"),
        ({"category": "energy.batteries", "quantity": 5}, "line_refused"),
        ({"category": "food.rice", "quantity": 0}, "invalid"), ({"category": "food.rice", "quantity": -5}, "invalid"),
        ({"category": "food.rice", "quantity": 10**9 + 1}, "invalid"),
        ({"category": "food.rice", "quantity": 5, "region": "510903001001"}, "invalid"),
    ],
)  # fmt: skip
def test_one_wrong_line_offers_nothing(client: Client, database: RolledBack, factory: Person, line: dict[str, Any], says: str) -> None:
    answer = client.post("/v1/pledge-lists", list_of({"category": "clothing.quilt", "quantity": 2}, line), by=factory)
    assert (answer.status_code, answer.json["code"]) == (422, says)
    assert count_pledges(database) == 0
    assert pending(database) == []
    assert database.found(text("SELECT count(*) FROM pledge_lists"))[0][0] == 0


def test_staff_and_households_offer_no_lists(client: Client, village: Person) -> None:
    for by in (village, Person("household")):
        assert client.post("/v1/pledge-lists", list_of({"category": "food.rice", "quantity": 5}), by=by).status_code == 403
        assert read(client, by, csv_of(["大米", "5"])).status_code == 403


def test_names_of_an_erased_giver_are_deleted(client: Client, database: RolledBack, factory: Person) -> None:
    client.post("/v1/pledge-lists", list_of({"item": "铺盖卷儿", "category": "clothing.quilt", "quantity": 2}), by=factory)
    with database.begin() as session:
        erasure.erase_people(session, [replace(example_of(PersonErased), account_id=factory.id)])
    assert database.found(text("SELECT count(*) FROM giver_item_names"))[0][0] == 0
