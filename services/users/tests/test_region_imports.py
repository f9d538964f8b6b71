"""Imports of other editions: all or nothing, with events, a report, and rows that follow."""

import os
from datetime import date
from typing import Any

import pytest
from sqlalchemy import text

from chassis.data.audit_log import OPERATOR
from chassis.data.region_moves import move_due
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of, assert_retold
from contracts import regions as edition
from contracts.users import RegionListed, RegionSucceeded
from users.region_moves import MOVES
from users.regions import actions
from users.regions.editions import Plan, describe, make_plan, read_table
from users.regions.names import find_codes
from users.snapshots import SNAPSHOTS

from .conftest import VILLAGE, household, pending, person_of

TODAY = date(2026, 11, 30)
COUNTS = ("new", "renamed", "ended", "moved", "staying", "rows_staying", "refused")
HEADING = "code,name,valid_from,valid_until,successors\n"


def plan_of(database: RolledBack, rows: str, *, is_complete: bool = False) -> Plan:
    with database.begin() as session:
        return make_plan(session, *read_table((HEADING + rows).encode(), TODAY), TODAY, is_complete=is_complete)


def take(database: RolledBack, rows: str, *, is_complete: bool = False) -> Plan:
    with database.begin() as session:
        plan = make_plan(session, *read_table((HEADING + rows).encode(), TODAY), TODAY, is_complete=is_complete)
        assert plan.refused == []
        actions.import_plan(session, OPERATOR, None, plan)
    return plan


def move(database: RolledBack) -> int:
    with database.begin() as session:
        return move_due(session, MOVES)


RECODED = "510903,船山区,,2026-01-01,510905\n510905,船山市,2026-01-01,,\n"


def test_a_recoded_county_takes_what_lies_below_along(client: Client, database: RolledBack) -> None:
    below = client.get("/v1/regions/510903/children").json["items"]
    plan = take(database, RECODED)
    assert plan.staying == {}
    assert plan.ended["510903001001"] == ("510905001001",)
    assert client.get("/v1/regions/510903").json["name"] == "船山市"
    assert client.get("/v1/regions/510903001001").json["code"] == "510905001001"
    moved = client.get("/v1/regions/510905/children").json["items"]
    assert [one["name"] for one in moved] == [one["name"] for one in below]
    assert {"code": "510903", "name": "船山区"} in client.get("/v1/regions/510905").json["formerly"]


def test_an_import_publishes_each_changed_code_once(database: RolledBack) -> None:
    plan = take(database, RECODED)
    events = pending(database)
    listed, ended = ([one for one in events if isinstance(one, kind)] for kind in (RegionListed, RegionSucceeded))
    assert ({one.code for one in listed}, {one.code for one in ended}) == (set(plan.new), set(plan.ended))
    assert {one.version for one in events} == {1}
    assert next(one for one in ended if one.code == "510903").successors == ["510905"]
    assert str(next(one for one in ended if one.code == "510903001").valid_until) == "2026-01-01"


def test_importing_a_table_again_changes_nothing(database: RolledBack) -> None:
    take(database, RECODED)
    before = len(pending(database))
    assert describe(take(database, RECODED), "en")["counts"] == dict.fromkeys(COUNTS, 0)
    assert len(pending(database)) == before


def test_a_renamed_division_keeps_its_code(client: Client, database: RolledBack) -> None:
    plan = take(database, "510921,蓬溪市,2026-01-01,,\n")
    assert (plan.new, plan.ended, plan.renamed) == ({}, {}, {"510921": "蓬溪市"})
    assert client.get("/v1/regions/510921").json["name"] == "蓬溪市"
    assert client.get("/v1/regions", q="遂宁 pengxishi").json["items"][0]["code"] == "510921"


def test_a_split_names_the_successors_and_leaves_villages(client: Client, database: RolledBack) -> None:
    rows = "510903,船山区,,2026-01-01,510905 510906\n510905,东区,2026-01-01,,\n510906,西区,2026-01-01,,\n"
    rows += "510905001,凯旋路街道,2026-01-01,,\n"
    plan = take(database, rows)
    assert plan.ended["510903"] == ("510905", "510906")
    assert plan.ended["510903001"] in {(), ("510905001",)}
    assert plan.ended["510903001001"] == ()
    assert client.get("/v1/regions/510903").json["code"] == "region_ended"
    refused = client.get("/v1/regions", codes="510903001001").json["unanswered"]
    assert [one["code"] for one in refused] == ["region_ended"]


def test_a_correction_names_the_successor_later(client: Client, database: RolledBack) -> None:
    take(database, "510903001,某街道,,2026-01-01,\n")
    assert client.get("/v1/regions/510903001").status_code == 410
    plan = take(database, "510903001,某街道,,2026-01-01,510903002\n")
    assert plan.moved["510903001"] == ("510903002",)
    assert client.get("/v1/regions/510903001").json["code"] == "510903002"
    assert max(one.version for one in pending(database) if isinstance(one, RegionSucceeded) and one.code == "510903001") == 2


def test_a_chain_in_one_table_ends_at_its_last_code(database: RolledBack) -> None:
    rows = "510903,船山区,,2025-01-01,510905\n510905,中间区,2025-01-01,2026-01-01,510906\n510906,船山市,2026-01-01,,\n"
    assert take(database, rows).ended["510903"] == ("510906",)


def test_an_earlier_code_unknown_so_far_may_be_added(client: Client, database: RolledBack) -> None:
    assert client.get("/v1/regions/510999").status_code == 404
    take(database, "510999,老县,1980-01-01,1990-01-01,510903\n")
    assert client.get("/v1/regions/510999").json["code"] == "510903"


REFUSED = {
    "51090,甲,,,\n": ("code", "code"),
    "510999,,,,\n": ("name", "name"),
    "510999,甲,2026,,\n": ("valid_from", "date"),
    "510999,甲,2027-01-01,,\n": ("valid_from", "not_yet"),
    "510903,甲,2020-01-01,2019-01-01,510904\n": ("valid_until", "order"),
    "510999,甲,,,510903\n": ("successors", "successors"),
    "510998,甲,,,\n510998,乙,,,\n": ("code", "twice"),
    "519901,甲,,,\n": ("code", "around"),
    "510903,甲,,2026-01-01,510999\n": ("successors", "successor"),
    "510903,甲,,2026-01-01,5107\n": ("successors", "successor"),
    "510903,甲,,2026-01-01,510903\n": ("successors", "successor"),
    "510903,甲,,2026-01-01,510904\n510904,乙,,2026-01-01,510903\n": ("successors", "successor"),
    "510903,甲,2026-01-01\n": ("", "cells"),
    '510903,"甲,2026-01-01\n': ("", "cells"),
}


@pytest.mark.parametrize("rows", REFUSED)
def test_what_does_not_fit_together_is_refused(database: RolledBack, rows: str) -> None:
    plan = plan_of(database, rows)
    assert REFUSED[rows] in [(one.column, one.code) for one in plan.refused]
    assert all(one.message(language) for one in plan.refused for language in ("zh-CN", "en"))
    assert (plan.new, plan.ended) == ({}, {})


def test_a_refused_row_is_named_as_a_spreadsheet_numbers_it(database: RolledBack) -> None:
    [one] = plan_of(database, "510921,蓬溪市,,,\n\n519901,甲,,,\n").refused
    assert (one.row, one.message("zh-CN")) == (4, "上级 5199 不存在或已停用，请核对")


@pytest.mark.parametrize("heading", ["code,name\n", "", "代码,名称,启用日期,停用日期,备注\n"])
def test_another_heading_is_refused(heading: str) -> None:
    assert [one.code for one in read_table(heading.encode(), TODAY)[1]] == ["columns"]


def test_chinese_headings_and_gb_18030_are_read() -> None:
    table = "名称,代码,启用日期,停用日期,继任代码\n船山区,510903,,2026-01-01,510905；510906\n".replace("；", ";")
    [row], refused = read_table(table.encode("gb18030"), TODAY)
    assert (row.name, row.code, row.successors, refused) == ("船山区", "510903", ("510905", "510906"), [])


@pytest.fixture
def shipped(database: RolledBack) -> dict[str, str]:
    """The codes that count: those of a city, in a campaign the whole edition."""
    if "CAMPAIGN" in os.environ:
        return dict(edition.rows())
    small = {code: name for code, name in edition.rows() if "5109".startswith(code) or code.startswith("5109")}
    with database.begin() as session:
        session.execute(text("TRUNCATE regions"))
        session.execute(text("INSERT INTO regions VALUES (:code, :name)"), [{"code": one, "name": name} for one, name in small.items()])
    return small


def rows_of(codes: dict[str, str]) -> str:
    return "".join(f"{code},{name},,,\n" for code, name in codes.items())


def test_a_whole_edition_ends_what_it_lacks(database: RolledBack, shipped: dict[str, str]) -> None:
    plan = plan_of(database, rows_of({code: name for code, name in shipped.items() if code != VILLAGE}), is_complete=True)
    assert (plan.refused, plan.new, plan.renamed, plan.ended) == ([], {}, {}, {VILLAGE: ()})


def edition_after(shipped: dict[str, str]) -> dict[str, str]:
    """Make the edition after: a county has another code, some villages have ended, some have other names, some are new."""
    after = dict[str, str]()
    for place, (code, name) in enumerate(shipped.items()):
        now = code.replace("510903", "510905", 1) if code.startswith("510903") else code
        if len(code) < 12 or place % 33:
            after[now] = f"{name}新村" if len(code) == 12 and place % 50 == 0 else name
        if len(code) == 12 and place % 40 == 0:
            after[f"{now[:9]}990"] = "新设村"
    return after


def test_another_whole_edition_is_imported_once(database: RolledBack, shipped: dict[str, str]) -> None:
    after = edition_after(shipped)
    table = rows_of(after) + "510903,船山区,,2026-01-01,510905\n"
    plan = take(database, table, is_complete=True)
    assert plan.new.keys() == after.keys() - shipped.keys()
    assert plan.ended.keys() == shipped.keys() - after.keys()
    assert plan.renamed == {code: name for code, name in after.items() if shipped.get(code, name) != name}
    assert all(after.get(one, "") for successors in plan.moved.values() for one in successors)
    assert plan.moved["510903"] == ("510905",)
    with database.begin() as session:
        present = session.execute(text("SELECT code, name FROM regions")).all()
    assert {row.code: row.name for row in present} == after
    assert describe(take(database, table, is_complete=True), "en")["counts"] == dict.fromkeys(COUNTS, 0)


def test_households_and_offices_follow_their_region(client: Client, database: RolledBack) -> None:
    village, town = administrator_of(database, VILLAGE), administrator_of(database, VILLAGE[:9])
    made = client.post("/v1/households", household(), by=village).json
    take(database, RECODED)
    assert move(database) >= 3
    for by in (village, town):
        assert client.get(f"/v1/households/{made['id']}", by=by).json["region"] == "510905001001"
    # The codes of before still name the village.
    again = client.post("/v1/households", household(), by=village)
    assert (again.status_code, again.json["region"]) == (201, "510905001001")


def test_somebody_appointed_in_both_keeps_both_offices(client: Client, database: RolledBack) -> None:
    county = administrator_of(database, "5109")
    one = person_of(client, kind="staff")
    for region in ("510903", "510904", "510921"):
        assert client.post("/v1/appointments", {"account_id": one.id, "region": region}, by=county).status_code == 201
    take(database, "510903,船山区,,2026-01-01,510921\n510904,安居区,,2026-01-01,510921\n")
    move(database)
    with database.begin() as session:
        held = sorted(session.scalars(text("SELECT region FROM appointment_records WHERE account_id = :id"), {"id": one.id}))
    assert held == ["510903", "510904", "510921"]


def test_rows_of_codes_without_one_successor_are_counted(client: Client, database: RolledBack) -> None:
    village = person_of(client, kind="staff")
    offer = {"account_id": village.id, "region": VILLAGE}
    assert client.post("/v1/appointments", offer, by=administrator_of(database, "5109")).status_code == 201
    assert client.post("/v1/households", household(), by=administrator_of(database, VILLAGE)).status_code == 201
    plan = plan_of(database, f"{VILLAGE},某村,,2026-01-01,\n")
    report = describe(plan, "en")
    assert (report["counts"]["rows_staying"], report["staying"][0]["rows"]) == (2, 2)


def test_names_are_searched_as_of_the_newest_import(client: Client, database: RolledBack) -> None:
    take(database, RECODED)
    names = [one["code"] for one in client.get("/v1/regions", name="船山").json["items"]]
    assert "510905" in names
    assert not any(code.startswith("510903") for code in names)
    with database.begin() as session:
        assert find_codes(session, "船山区", "5109", 5) == ["510905"]


def test_changed_regions_are_republished(client: Client, database: RolledBack) -> None:
    take(database, RECODED)
    anew = assert_retold(database, SNAPSHOTS)
    assert {type(one) for one in anew} == {RegionListed, RegionSucceeded}


@pytest.fixture
def country(database: RolledBack) -> Person:
    return administrator_of(database, "")


def send(client: Client, by: Person, rows: str, **query: Any) -> Any:
    headers = client._headers(by)
    return client.flask.post(
        "/v1/regions/imports", data=(HEADING + rows).encode(), content_type="text/csv", headers=headers, query_string=query
    )


def test_a_dry_run_reports_and_changes_nothing(client: Client, database: RolledBack, country: Person) -> None:
    answer = send(client, country, RECODED + "519901,甲,,,\n", dry_run="true")
    assert (answer.status_code, answer.json["is_imported"]) == (200, False)
    assert [one["code"] for one in answer.json["refused"]] == ["region_around"]
    answer = send(client, country, RECODED, dry_run="true")
    assert answer.json["counts"]["moved"] == answer.json["counts"]["ended"] > 10
    assert answer.json["moved"][0] == {"code": "510903", "name": "船山区", "successors": [{"code": "510905", "name": "船山市"}], "rows": 0}
    assert pending(database) == []
    assert client.get("/v1/regions/510903").json["code"] == "510903"


def test_an_import_by_api_is_recorded(client: Client, database: RolledBack, country: Person) -> None:
    assert send(client, country, RECODED).json["is_imported"] is True
    assert client.get("/v1/regions/510903").json["code"] == "510905"
    with database.begin() as session:
        acts = session.execute(text("SELECT act, actor_id FROM audit.entries WHERE act = 'import_regions'")).all()
    assert [(act, actor) for act, actor in acts] == [("import_regions", country.id)]


def test_a_refused_table_changes_nothing(client: Client, database: RolledBack, country: Person) -> None:
    answer = send(client, country, RECODED + "519901,甲,,,\n")
    assert (answer.status_code, answer.json["code"]) == (422, "refused_rows")
    assert [(one["row"], one["column"]) for one in answer.json["refused"]] == [(4, "code")]
    assert pending(database) == []


def test_only_administrators_of_the_country_import(client: Client, database: RolledBack) -> None:
    answer = send(client, administrator_of(database, "51"), RECODED)
    assert (answer.status_code, answer.json["code"]) == (403, "outside_region")


def test_a_table_of_other_bytes_is_refused(client: Client, country: Person) -> None:
    answer = client.flask.post("/v1/regions/imports", data=b"\xff\xff", content_type="text/csv", headers=client._headers(country))
    assert (answer.status_code, answer.json["code"]) == (422, "invalid")
