"""A hospital asks for 300 things: from its spreadsheet to needs that are verified, by a handful of requests."""

from typing import Any

import pytest

from chassis.testing.workbooks import sheet, workbook
from deploy.local.client import ApiClient
from needs.catalogue.defaults import catalogue

from .conftest import World
from .test_story import Cast, eventually

LINES = 300
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
UNKNOWN = {"铺盖卷儿": "clothing.quilt", "病号餐用米": "food.rice", "代步车（老人用）": "medical.wheelchair"}
"""Names that the catalogue does not have, and what the hospital means by them."""
OFFERED = [
    item for item in catalogue().values()
    if item.unit and item.unit != "fen" and not item.set and not item.required and item.reason_length == 1
    and item.category not in UNKNOWN.values()
]  # fmt: skip


class Person:
    """Somebody at work: each request is counted."""

    asked = 0

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    def act(self, method: str, path: str, **request: Any) -> Any:
        Person.asked += 1
        return self._client.ask(method, path, **request)


def spreadsheet() -> bytes:
    """Write the hospital's list: a title, headings, 297 known names in different sizes, and three unknown ones."""
    items = [OFFERED[at % len(OFFERED)] for at in range(LINES - len(UNKNOWN))]
    known = [[item.zh, str(1 + at * 7 % 3), f"规格 {at}"] for at, item in enumerate(items)]
    return workbook(
        {"清单": sheet([["河沙镇卫生院物资需求表"], ["物品名称", "数量", "规格"], *known, *([name, "2", ""] for name in UNKNOWN)])}
    )


def read(person: Person, institution: str) -> dict[str, Any]:
    asked = {"household_id": institution}
    return dict(person.act("POST", "/v1/need-lists/reading", headers={"Content-Type": XLSX}, params=asked, content=spreadsheet()))


def settled(line: dict[str, Any]) -> dict[str, Any]:
    """Return a line as the person posts it: what the reading found, and the item that they chose for an unknown name."""
    item = line["category"] or UNKNOWN[line["item"]]
    return {"row": line["row"], "item": line["item"], "category": item, "quantity": line["quantity"] or 2}


@pytest.mark.timeout(600)
def test_list_of_300_lines_is_verified_by_six_requests(stacked: World) -> None:
    cast = Cast(stacked)
    village, town = Person(cast.village), Person(cast.town)
    Person.asked = 0
    wanted = {"kind": "hospital", "name": "河沙镇卫生院", "region": cast.village_code}
    hospital = village.act("POST", "/v1/institutions", json=wanted)["id"]
    eventually(lambda: cast.village.ask(
        "POST", "/v1/need-lists/reading", {"Content-Type": XLSX}, params={"household_id": hospital}, content=spreadsheet()
    ))  # fmt: skip
    seen = read(village, hospital)
    unknown = [line["item"] for line in seen["lines"] if "item_unknown" in {note["code"] for note in line["notes"]}]
    assert (len(seen["lines"]), seen["refused"], unknown) == (LINES, 0, list(UNKNOWN))
    body = {"household_id": hospital, "reason": "冬季病区用品不足", "lines": [settled(line) for line in seen["lines"]]}
    posted = village.act("POST", "/v1/need-lists", json=body)
    assert {line["state"] for line in posted["lines"]} == {"posted"}
    listed = town.act("GET", f"/v1/need-lists/{posted['id']}")["lines"]
    decisions = [{"need_id": line["need_id"], "act": "verify"} for line in listed]
    results = town.act("POST", "/v1/needs/decisions", json={"decisions": decisions})["results"]
    assert [(one["outcome"], one["state"]) for one in results] == [("done", "published")] * LINES
    assert Person.asked == 5
    again = read(village, hospital)
    assert {line["category"] for line in again["lines"][-len(UNKNOWN) :]} == set(UNKNOWN.values())
    assert Person.asked == 6
