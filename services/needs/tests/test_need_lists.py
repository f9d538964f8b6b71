"""Lists of needs from spreadsheets: read without storing anything, settled by a person, posted as a whole; the names are learned."""

import os
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, event, text

from chassis.data.database import new_id
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of, auditor_of
from chassis.testing.workbooks import number, sheet, workbook
from contracts.users import InstitutionRegistered
from needs import actions
from needs.catalogue.defaults import catalogue
from needs.imports.actions import MOST_LINES

from .conftest import VILLAGE, household_in, pending
from .test_region_moves import AFTER, succeed

LINES = 150 if "CAMPAIGN" in os.environ else 30
ITEMS = [code for code, item in catalogue().items() if item.unit and not item.set and not item.required and item.reason_length == 1]
HEADINGS = ["物品名称", "数量", "单位", "规格", "型号", "用途", "备注"]


def csv_of(*rows: list[str], headings: list[str] = HEADINGS) -> bytes:
    return "\r\n".join(",".join(row) for row in (headings, *rows)).encode()


def read(client: Client, by: Person, content: bytes, household_id: UUID, **query: str) -> Any:
    asked = {"household_id": str(household_id), **query}
    return client.flask.post(
        "/v1/need-lists/reading", data=content, query_string=asked, headers=client._headers(by), content_type="text/csv"
    )


def lines_of(answer: Any) -> list[tuple[int, str, str | None, int | None, list[str]]]:
    assert answer.status_code == 200, answer.json
    assert all(note["message"] for line in answer.json["lines"] for note in line["notes"])
    return [
        (line["row"], line["outcome"], line["category"], line["quantity"], [note["code"] for note in line["notes"]])
        for line in answer.json["lines"]
    ]


def list_of(household_id: UUID, *lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"household_id": str(household_id), "consent": "slip", "reason": "冬季保暖", "lines": [*lines]} | more


@pytest.fixture
def hospital(database: RolledBack) -> UUID:
    event = InstitutionRegistered(
        version=1, institution_id=new_id(), region=VILLAGE, kind="hospital",
        registered_by=new_id(), registered_at=datetime.now(UTC),
    )  # fmt: skip
    with database.begin() as session:
        actions.record_households(session, [event])
    return event.institution_id


def count_needs(database: RolledBack) -> int:
    return int(database.found(text("SELECT count(*) FROM needs"))[0][0])


def test_crooked_list_is_read_and_nothing_is_stored(client: Client, database: RolledBack, village: Person, hospital: UUID) -> None:
    rows = [
        ["河沙镇卫生院物资需求表"],
        HEADINGS,
        ["医用口罩", "1万", "只"],
        ["食盐", "500箱"],
        ["面粉", "5000–1万"],
        ["口罩", number("20")],
        ["轮椅", "大量"],
        [],
        ["拐杖", "约30", "副", "铝合金", "三号", "骨科", "急"],
        ["棉被", None],
        ["合计", "999"],
    ]
    answer = read(client, village, workbook({"说明": sheet([["x"]]), "清单": sheet(rows)}), hospital)
    assert lines_of(answer) == [
        (3, "ready", "medical.mask", 10_000, []),
        (4, "held", "food.salt", None, ["quantity_package"]),
        (5, "held", "food.flour", None, ["quantity_range"]),
        (6, "held", None, None, ["item_unknown"]),
        (7, "held", "medical.wheelchair", None, ["quantity_unknown"]),
        (9, "held", "medical.crutch", 30, ["about"]),
        (10, "refused", None, None, ["required"]),
        (11, "refused", None, None, ["row_total"]),
    ]
    assert {name: answer.json[name] for name in ("ready", "held", "refused", "sheet")} == {
        "ready": 1, "held": 5, "refused": 2, "sheet": "清单",
    }  # fmt: skip
    assert "medical.mask" in answer.json["lines"][3]["candidates"]
    assert {name: answer.json["lines"][5][name] for name in ("specification", "reason", "remark")} == {
        "specification": "铝合金 三号", "reason": "骨科", "remark": "急",
    }  # fmt: skip
    assert count_needs(database) == 0
    assert database.found(text("SELECT count(*) FROM item_names"))[0][0] == 0


def test_settled_list_is_posted_and_its_names_are_learned(
    client: Client, database: RolledBack, village: Person, town: Person, household: UUID
) -> None:
    content = csv_of(["八斤铺盖", "2床"], ["东北大米", "50公斤"])
    assert [outcome for _, outcome, *_ in lines_of(read(client, village, content, household))] == ["held", "held"]
    lines = [
        {"row": 2, "item": "八斤铺盖", "category": "clothing.quilt", "quantity": 2, "urgency": "urgent", "reason": "屋顶漏雨"},
        {"row": 3, "item": "东北大米", "category": "food.rice", "quantity": 50},
    ]
    answer = client.post("/v1/need-lists", list_of(household, *lines), by=village)
    assert answer.status_code == 201, answer.json
    assert [(line["row"], line["state"], line["category"], line["quantity"]) for line in answer.json["lines"]] == [
        (2, "posted", "clothing.quilt", 2), (3, "posted", "food.rice", 50),
    ]  # fmt: skip
    [first, second] = [client.get(f"/v1/needs/{line['need_id']}", by=village).json for line in answer.json["lines"]]
    assert (first["reason"], first["urgency"], second["reason"]) == ("屋顶漏雨", "urgent", "冬季保暖")
    assert client.get(answer.headers["Location"], by=village).json == answer.json
    assert client.post(f"/v1/needs/{first['id']}/verification", by=town).status_code == 201
    again = lines_of(read(client, village, content, household))
    assert again == [(2, "held", "clothing.quilt", 2, ["need_open"]), (3, "held", "food.rice", 50, ["need_open"])]
    elsewhere = administrator_of(database, "510904001001")
    other = household_in(database, "510904001001")
    assert [category for _, _, category, *_ in lines_of(read(client, elsewhere, content, other))] == [None, None]


def test_name_settled_otherwise_counts_from_then_on(client: Client, village: Person, household: UUID) -> None:
    for category in ("clothing.coat", "clothing.quilt"):
        line = {"item": "御寒衣被", "category": category, "quantity": 1}
        assert client.post("/v1/need-lists", list_of(household, line), by=village).status_code == 201
    assert lines_of(read(client, village, csv_of(["御寒衣被", "3"]), household))[0][2] == "clothing.quilt"


def test_lists_and_names_follow_a_county_to_its_successor(client: Client, database: RolledBack, village: Person, household: UUID) -> None:
    line = {"item": "八斤铺盖", "category": "clothing.quilt", "quantity": 1}
    posted = client.post("/v1/need-lists", list_of(household, line), by=village).json
    assert succeed(database, AFTER) > 0
    assert client.get(f"/v1/need-lists/{posted['id']}", by=village).json["region"] == AFTER[VILLAGE]
    assert lines_of(read(client, village, csv_of(["八斤铺盖", "3"]), household))[0][2] == "clothing.quilt"


def test_placeholders_and_twins_are_doubted(client: Client, village: Person, household: UUID) -> None:
    ones = csv_of(*([item, "1"] for item in ("大米", "棉被", "轮椅", "拐杖", "大米")))
    found = lines_of(read(client, village, ones, household))
    assert [codes for *_, codes in found] == [["every_quantity_is_1"]] * 4 + [["every_quantity_is_1", "item_twice"]]
    dragged = lines_of(read(client, village, csv_of(["大米", "5"], ["棉被", "6"], ["面粉", "7"]), household))
    assert [codes for *_, codes in dragged] == [["quantity_series"]] * 3


def test_absurd_and_excessive_lines_are_seen_at_once(client: Client, village: Person, household: UUID) -> None:
    answer = read(client, village, csv_of(["跑步机", "1台"], ["轮椅", "7辆"], ["防护服", "3件"]), household)
    assert lines_of(answer) == [
        (2, "refused", None, None, ["forbidden_item"]),
        (3, "held", "medical.wheelchair", 7, ["too_many"]),
        (4, "held", None, None, ["item_unknown"]),
    ]
    assert "3 辆轮椅" in answer.json["lines"][1]["notes"][0]["message"]


def test_specification_is_asked_for_and_kept(client: Client, village: Person, household: UUID) -> None:
    [line] = lines_of(read(client, village, csv_of(["校服", "2套"]), household))
    assert line == (2, "held", "clothing.uniform", 2, ["specification_needed"])
    wanted = {"row": 2, "category": "clothing.uniform", "quantity": 2}
    assert client.post("/v1/need-lists", list_of(household, wanted), by=village).json["code"] == "line_refused"
    posted = client.post("/v1/need-lists", list_of(household, wanted | {"specification": {"size": "150"}}), by=village)
    assert posted.status_code == 201, posted.json
    need = client.get(f"/v1/needs/{posted.json['lines'][0]['need_id']}", by=village).json
    assert need["specification"] == {"size": "150"}


def test_one_wrong_line_posts_nothing(client: Client, database: RolledBack, village: Person, household: UUID) -> None:
    lines = [{"row": 2, "category": "food.rice", "quantity": 5}, {"row": 7, "item": "金条", "category": "gold.bar", "quantity": 1}]
    answer = client.post("/v1/need-lists", list_of(household, *lines), by=village)
    assert (answer.status_code, answer.json["code"]) == (422, "line_refused")
    assert "7" in answer.json["title"]
    assert count_needs(database) == 0
    assert database.found(text("SELECT (SELECT count(*) FROM need_lists) + (SELECT count(*) FROM item_names)"))[0][0] == 0


def test_household_has_to_consent_and_a_hospital_asks_for_itself(client: Client, village: Person, household: UUID, hospital: UUID) -> None:
    line = {"category": "food.rice", "quantity": 5}
    assert client.post("/v1/need-lists", list_of(household, line, consent="sms"), by=village).status_code == 201
    without = {name: value for name, value in list_of(household, line).items() if name != "consent"}
    assert client.post("/v1/need-lists", without, by=village).json["code"] == "consent_needed"
    assert client.post("/v1/need-lists", without | {"household_id": str(hospital)}, by=village).status_code == 201


def test_long_list_of_a_hospital_is_posted(client: Client, database: RolledBack, village: Person, hospital: UUID) -> None:
    """An institution has no daily limit of its own, and its list keeps its order."""
    lines = [{"row": row, "category": item, "quantity": 1} for row, item in enumerate(ITEMS[:LINES], start=2)]
    answer = client.post("/v1/need-lists", list_of(hospital, *lines), by=village)
    assert answer.status_code == 201, answer.json
    assert len(answer.json["lines"]) == count_needs(database) == len(lines) > 10
    assert [(line["row"], line["category"]) for line in answer.json["lines"]] == [(line["row"], line["category"]) for line in lines]


def test_household_keeps_its_daily_limit(client: Client, database: RolledBack, village: Person, household: UUID) -> None:
    lines = [{"row": row, "category": "food.rice", "quantity": 1} for row in range(2, 15)]
    answer = client.post("/v1/need-lists", list_of(household, *lines), by=village)
    assert (answer.status_code, answer.json["code"], count_needs(database)) == (422, "too_many_needs", 0)


def test_others_read_and_post_nothing(client: Client, database: RolledBack, village: Person, household: UUID, donor: Person) -> None:
    line = {"category": "food.rice", "quantity": 5}
    posted = client.post("/v1/need-lists", list_of(household, line), by=village).json
    stranger, auditor = administrator_of(database, "510904001001"), auditor_of(database, VILLAGE[:9])
    path = f"/v1/need-lists/{posted['id']}"
    assert client.get(path, by=stranger).status_code == 404
    assert client.get(path, by=auditor).status_code == 200
    assert client.get("/v1/need-lists", by=stranger).json["items"] == []
    assert [one["id"] for one in client.get("/v1/need-lists", by=auditor).json["items"]] == [posted["id"]]
    for by, status in ((stranger, 422), (auditor, 403), (donor, 403)):
        assert client.post("/v1/need-lists", list_of(household, line), by=by).status_code == status
        assert read(client, by, csv_of(["大米", "5"]), household).status_code == status
    assert count_needs(database) == 1


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "table_empty"), (csv_of(["大米", "5"], headings=["物品名称", "物品名称", "数量"]), "heading_twice"),
        (csv_of(["大米", "5"], headings=["物品", "数目"]), "headings_missing"), (b"PK\x03\x04", "table_damaged"),
        (csv_of(*([["大米", "5"]] * (MOST_LINES + 1))), "table_too_large"),
    ],
)  # fmt: skip
def test_list_that_cannot_be_read_is_refused(client: Client, village: Person, household: UUID, content: bytes, code: str) -> None:
    answer = read(client, village, content, household)
    assert (answer.status_code, answer.json["code"]) == (422, code)


def test_reading_and_posting_are_in_the_audit_log(client: Client, database: RolledBack, village: Person, household: UUID) -> None:
    read(client, village, csv_of(["大米", "5"]), household)
    client.post("/v1/need-lists", list_of(household, {"category": "food.rice", "quantity": 5}), by=village)
    found = database.found(text("SELECT act, subject_kind, person_id, actor_id FROM audit.entries ORDER BY id"))
    assert [tuple(one) for one in found] == [
        ("read_need_list", "household", household, village.id), ("post_need_list", "need_list", household, village.id),
    ]  # fmt: skip


ALIKE = ["屋顶瓦片被大风掀掉，雨天到处漏水，被褥全部湿透", "屋顶瓦片被大风掀掉，雨天到处漏水，被褥全都湿透了"]


def rows_of(database: RolledBack, household_id: UUID) -> list[Any]:
    columns = (
        "state, version, stage_version, category, unit, quantity, urgency, consent, terms, is_open, words, poster_id, account_id, region"
    )
    found = database.found(text(f"SELECT {columns} FROM needs WHERE household_id = '{household_id}' ORDER BY id"))
    return [tuple(row) for row in found]


def links_of(database: RolledBack, household_id: UUID) -> list[Any]:
    """The links of a household's needs, each by the places of its needs in their order; -1 is a need of somebody else."""
    mine = database.found(text(f"SELECT id FROM needs WHERE household_id = '{household_id}' ORDER BY id"))
    places = {row.id: place for place, row in enumerate(mine)}
    links = database.found(text("SELECT need_id, other_id, likeness FROM need_links"))
    return sorted((places[link.need_id], places.get(link.other_id, -1), link.likeness) for link in links if link.need_id in places)


def test_lines_posted_at_once_are_as_posted_one_by_one(client: Client, database: RolledBack, village: Person) -> None:
    lines = [
        {"category": "food.rice", "quantity": 5, "reason": ALIKE[0]}, {"category": "clothing.quilt", "quantity": 2, "reason": "御寒"},
        {"category": "food.rice", "quantity": 6, "reason": ALIKE[1]},
    ]  # fmt: skip
    found = []
    for at_once in (False, True):
        with database.case():
            one, other = household_in(database, VILLAGE), household_in(database, VILLAGE)
            bodies = [line | {"household_id": str(one), "consent": "slip", "urgency": "normal"} for line in lines]
            stored = client.post("/v1/needs", bodies[0] | {"household_id": str(other)}, by=village)
            assert stored.status_code == 201, stored.json
            if at_once:
                assert client.post("/v1/need-lists", list_of(one, *lines), by=village).status_code == 201
            else:
                answers = [client.post("/v1/needs", body, by=village) for body in bodies]
                assert [(answer.status_code, answer.json.get("code")) for answer in answers] == [(201, None)] * 3
            published = [(type(event).__name__, event.version) for event in pending(database)]
            bands = database.found(text("SELECT count(*) FROM need_bands"))[0][0]
            found.append((rows_of(database, one), links_of(database, one), published, bands))
    assert found[0] == found[1]
    assert {likeness for *_, likeness in found[0][1]} == {"same_item", "same_text"}


def test_longer_list_takes_no_more_statements(client: Client, database: RolledBack, village: Person, hospital: UUID) -> None:
    counted = []
    for many in (10, 60):
        lines = [{"row": at, "category": ITEMS[at % len(ITEMS)], "quantity": 1} for at in range(1, many + 1)]
        with database.case():
            statements: list[str] = []
            note = lambda _c, _u, statement, *_, into=statements: into.append(statement)  # noqa: E731
            event.listen(Engine, "before_cursor_execute", note)
            assert client.post("/v1/need-lists", list_of(hospital, *lines), by=village).status_code == 201
            event.remove(Engine, "before_cursor_execute", note)
            counted.append(len(statements))
    assert counted[0] == counted[1] < 60
