"""Large tables of needs: checked, corrected by settling names, posted in the background, never twice, each household by its rules."""

import csv
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from io import StringIO
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace
from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.data.database import new_id
from chassis.imports import work
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of, auditor_of
from chassis.testing.rows_read import rows_read
from chassis.testing.twins import altered, unguarded
from chassis.testing.workbooks import formula, merged, number, sheet, workbook
from contracts.generate import example_of
from contracts.users import HouseholdEnded, InstitutionRegistered
from needs import actions
from needs.catalogue.defaults import catalogue
from needs.imports import queries, sending, tables
from needs.imports.tables import IMPORTS
from needs.limits.defaults import default_limits
from needs.limits.queries import count_needs_of_households

from .conftest import VILLAGE, household_in, pending

COUNTY = VILLAGE[:6]
HEADINGS = ["户编号", "物品", "数量", "单位", "理由", "同意方式", "规格", "尺码", "紧急程度"]


@pytest.fixture
def county(database: RolledBack) -> Person:
    return administrator_of(database, COUNTY)


def csv_of(*rows: list[Any], headings: list[str] = HEADINGS) -> bytes:
    made = StringIO(newline="")
    csv.writer(made).writerows([headings, *rows])
    return made.getvalue().encode()


def row(household_id: UUID | str, item: str = "大米", quantity: Any = "5", unit: str = "公斤", **more: str) -> list[Any]:
    stated = {"reason": "家中断粮", "consent": "书面同意", "standard": "", "size": "", "urgency": ""} | more
    return [str(household_id), item, quantity, unit, *stated.values()]


def send(client: Client, by: Person, content: bytes, region: str = COUNTY) -> Any:
    asked = {"region": region}
    return client.flask.post("/v1/need-imports", data=content, query_string=asked, headers=client._headers(by), content_type="text/csv")


def checked(client: Client, database: RolledBack, by: Person, content: bytes, region: str = COUNTY) -> Any:
    sent = send(client, by, content, region)
    assert sent.status_code == 202, sent.json
    work.work_on_due(IMPORTS, database)
    one = client.get(sent.headers["Location"], by=by).json
    assert one["state"] == "checked", one
    return one


def confirmed(client: Client, database: RolledBack, by: Person, one: dict[str, Any], take_doubtful: bool = False) -> Any:
    answer = client.post(f"/v1/need-imports/{one['id']}/confirmation", {"take_doubtful": take_doubtful}, by=by)
    assert answer.status_code == 202, answer.json
    work.work_on_due(IMPORTS, database)
    return client.get(f"/v1/need-imports/{one['id']}", by=by).json


def counts(found: dict[str, Any]) -> tuple[int, int, int, int]:
    return found["new"], found["same"], found["doubtful"], found["refused"]


def refused(client: Client, by: Person, one: dict[str, Any], outcome: str = "refused") -> list[tuple[str, str]]:
    listed = client.get(f"/v1/need-imports/{one['id']}/refused", by=by, outcome=outcome)
    assert listed.status_code == 200
    rows = list(csv.DictReader(StringIO(listed.data.decode("utf-8-sig"), newline="")))
    assert all(one["问题说明"] and one["problem"] for one in rows)
    return [(one["原行号 row"], one["问题代码 code"]) for one in rows]


def count_needs(database: RolledBack) -> int:
    return int(database.found(text("SELECT count(*) FROM needs"))[0][0])


def hospital_in(database: RolledBack, region: str) -> UUID:
    event = replace(example_of(InstitutionRegistered), version=1, institution_id=new_id(), region=region)
    with database.begin() as session:
        actions.record_households(session, [event])
    return event.institution_id


def end(database: RolledBack, household_id: UUID) -> None:
    event = replace(
        example_of(HouseholdEnded), version=2, household_id=household_id, region=VILLAGE, merged_into=None, ended_at=datetime.now(UTC)
    )
    with database.begin() as session:
        actions.record_households(session, [event])


def test_table_is_checked_then_posted(client: Client, database: RolledBack, county: Person) -> None:
    one, other, hospital = household_in(database, VILLAGE), household_in(database, "510903002001"), hospital_in(database, VILLAGE)
    content = csv_of(
        row(one), row(one, "棉被", "2", "床", reason="御寒", urgency="紧急"), row(other, "大米", "1万", ""),
        row(hospital, "医用口罩", "300", "只", consent=""), row(other, "校服", "1", "套", size="150"),
    )  # fmt: skip
    found = checked(client, database, county, content)
    assert (counts(found["found"]), found["progress"], count_needs(database)) == ((4, 0, 0, 1), {"done": 5, "rows": 5}, 0)
    assert refused(client, county, found) == [("4", "too_many")]
    done = confirmed(client, database, county, found)
    assert (done["state"], counts(done["written"])) == ("done", (4, 0, 0, 1))
    rows = database.found(
        text("SELECT household_id, category, quantity, urgency, consent, state, poster_id, due_at > now() FROM needs ORDER BY id")
    )
    assert [tuple(found) for found in rows] == [
        (one, "food.rice", 5, "normal", "slip", "posted", county.id, True),
        (one, "clothing.quilt", 2, "urgent", "slip", "posted", county.id, True),
        (hospital, "medical.mask", 300, "normal", None, "posted", county.id, True),
        (other, "clothing.uniform", 1, "normal", "slip", "posted", county.id, True),
    ]  # fmt: skip
    assert [type(event).__name__ for event in pending(database)].count("NeedPosted") == 4
    need = client.get("/v1/needs/waiting", by=county).json["items"]
    assert {(item["reason"], item["specification"] and item["specification"].get("size")) for item in need} == {
        ("御寒", None), ("家中断粮", None), ("家中断粮", "150"),
    }  # fmt: skip


@pytest.mark.parametrize(
    "standing", [None, unguarded(lambda *_: set(), "without a look at the rows of earlier tables, everything is posted again")]
)
def test_table_sent_again_posts_nothing_twice(
    client: Client, database: RolledBack, county: Person, household: UUID, monkeypatch: pytest.MonkeyPatch, standing: Any
) -> None:
    monkeypatch.setattr(queries, "find_standing", standing or queries.find_standing)
    content = csv_of(row(household), row(household, "棉被", "2", "床"))
    confirmed(client, database, county, checked(client, database, county, content))
    again = checked(client, database, county, content)
    assert counts(again["found"]) == (0, 2, 0, 0)
    assert counts(confirmed(client, database, county, again)["written"]) == (0, 2, 0, 0)
    assert count_needs(database) == 2
    [first] = database.found(text("SELECT id FROM needs WHERE category = 'food.rice'"))
    assert client.post(f"/v1/needs/{first.id}/withdrawal", by=county).status_code == 201
    later = checked(client, database, county, content)
    assert counts(later["found"]) == (1, 1, 0, 0)
    assert counts(confirmed(client, database, county, later)["written"]) == (1, 1, 0, 0)
    assert count_needs(database) == 3


def test_two_tables_with_the_same_rows_post_them_once(client: Client, database: RolledBack, county: Person, household: UUID) -> None:
    content = csv_of(row(household), row(household, "棉被", "2", "床"))
    first, second = (checked(client, database, county, content) for _ in range(2))
    for one in (first, second):
        client.post(f"/v1/need-imports/{one['id']}/confirmation", {}, by=county)
    work.work_on_due(IMPORTS, database)
    written = [client.get(f"/v1/need-imports/{one['id']}", by=county).json["written"] for one in (first, second)]
    assert sorted(map(counts, written)) == [(0, 2, 0, 0), (2, 0, 0, 0)]
    assert count_needs(database) == 2


def test_wrong_rows_are_refused_with_their_reasons(client: Client, database: RolledBack, county: Person, household: UUID) -> None:
    elsewhere, ended = household_in(database, "510904001001"), household_in(database, VILLAGE)
    end(database, ended)
    content = csv_of(
        row(uuid4()), row(elsewhere), row(ended), row("X-17"), row(household, consent=""), row(household, "铺盖卷儿", "2", ""),
        row(household, quantity="-5"), row(household, quantity="99999999"), row(household, quantity="0"), row(household, quantity="大量"),
        row(household, quantity="10–20"), row(household, quantity="50", unit="箱"), row(household, quantity="50", unit="米"),
        row(household, "跑步机", "1", "台"), row(household, "校服", "1", "套"), row(household, reason=""),
        row(household, reason="急用", urgency="很急"),
        row(household, quantity="=5*2"), row(household, reason="第一"), row(household, reason="第一"),
    )  # fmt: skip
    found = checked(client, database, county, content)
    assert refused(client, county, found) == [
        ("2", "unknown_household"), ("3", "unknown_household"), ("4", "unknown_household"), ("5", "not_an_id"), ("6", "consent_needed"),
        ("7", "item_unknown"), ("8", "quantity_form"), ("9", "too_many"), ("10", "quantity_size"), ("11", "quantity_unknown"),
        ("12", "quantity_range"), ("13", "quantity_package"), ("14", "quantity_unit"), ("15", "forbidden_item"), ("16", "required"),
        ("17", "required"), ("18", "not_a_choice"), ("19", "cell_formula"), ("21", "row_repeated"),
    ]  # fmt: skip
    assert counts(found["found"]) == (1, 0, 0, 19)


def test_crooked_cells_of_a_workbook_are_refused(client: Client, database: RolledBack, county: Person, household: UUID) -> None:
    rows = [
        ["全县需求汇总表"],
        HEADINGS,
        row(household, quantity=formula("2+3", "5")),
        row(household, quantity=number("7")),
        ["合计", "", "12"],
    ]
    found = checked(client, database, county, workbook({"清单": sheet(rows, more=merged("A1:I1"))}))
    assert refused(client, county, found) == [("3", "cell_formula"), ("5", "row_total")]
    across = workbook({"清单": sheet([HEADINGS, row(household), row(household)], more=merged("C2:C3"))})
    assert {code for _, code in refused(client, county, checked(client, database, county, across))} == {"cell_merged"}


def test_doubtful_rows_wait_for_whoever_confirms(client: Client, database: RolledBack, county: Person, household: UUID) -> None:
    hospital = hospital_in(database, VILLAGE)
    dragged = [row(hospital, item, str(5 + at), "", consent="") for at, item in enumerate(("大米", "棉被", "面粉"))]
    content = csv_of(row(household, quantity="约5"), row(household, "棉被", "1", "床"), row(household, "棉被", "2", "床"), *dragged)
    found = checked(client, database, county, content)
    assert counts(found["found"]) == (1, 0, 5, 0)
    assert {note["code"] for note in found["found"]["notes"]} == {"about", "item_twice", "quantity_series"}
    assert all(note["message"] for note in found["found"]["notes"])
    assert counts(confirmed(client, database, county, found)["written"]) == (1, 0, 5, 0)
    assert refused(client, county, found, "doubtful")[0] == ("2", "about")
    again = checked(client, database, county, csv_of(row(household, "棉被", "3", "床", reason="又下雪了")))
    assert [note["code"] for note in again["found"]["notes"]] == ["need_open"]
    assert counts(confirmed(client, database, county, again, take_doubtful=True)["written"]) == (1, 0, 0, 0)
    assert count_needs(database) == 2


def test_unknown_names_are_settled_once_for_all_rows(client: Client, database: RolledBack, county: Person) -> None:
    content = csv_of(
        *(row(household_in(database, VILLAGE), "铺盖 卷儿", "2", "") for _ in range(3)), row(household_in(database, VILLAGE), "过冬煤")
    )
    found = checked(client, database, county, content)
    assert (counts(found["found"]), found["unknown_names"][0]) == ((0, 0, 0, 4), {"item": "铺盖卷儿", "rows": 3})
    path = f"/v1/need-imports/{found['id']}/check"
    wrong = client.post(path, {"settled_names": [{"item": "铺盖卷儿", "category": "food"}]}, by=county)
    assert (wrong.status_code, wrong.json["code"]) == (422, "unknown_item")
    assert client.post(path, {"settled_names": [{"item": "铺盖卷儿", "category": "clothing.quilt"}]}, by=county).status_code == 202
    work.work_on_due(IMPORTS, database)
    settled = client.get(f"/v1/need-imports/{found['id']}", by=county).json
    assert (counts(settled["found"]), [name["item"] for name in settled["unknown_names"]]) == ((3, 0, 0, 1), ["过冬煤"])
    assert counts(confirmed(client, database, county, settled)["written"]) == (3, 0, 0, 1)


def test_name_settled_by_a_city_holds_in_its_counties(client: Client, database: RolledBack, household: UUID) -> None:
    city = administrator_of(database, "5109")
    content = csv_of(row(household, "铺盖卷儿", "2", ""))
    found = checked(client, database, city, content, "5109")
    client.post(f"/v1/need-imports/{found['id']}/check", {"settled_names": [{"item": "铺盖卷儿", "category": "clothing.quilt"}]}, by=city)
    work.work_on_due(IMPORTS, database)
    assert counts(client.get(f"/v1/need-imports/{found['id']}", by=city).json["found"]) == (1, 0, 0, 0)


ENDED = "not found.ended and "


@pytest.mark.parametrize("guard", [ENDED, unguarded("", "without the look at the register, an ended household asks on")])
def test_household_that_ended_meanwhile_gets_nothing(
    client: Client, database: RolledBack, county: Person, household: UUID, monkeypatch: pytest.MonkeyPatch, guard: str
) -> None:
    monkeypatch.setattr(tables._Judged, "__init__", altered(tables._Judged.__init__, ENDED, guard))
    found = checked(client, database, county, csv_of(row(household), row(household_in(database, VILLAGE))))
    assert counts(found["found"]) == (2, 0, 0, 0)
    end(database, household)
    done = confirmed(client, database, county, found)
    assert (counts(done["written"]), refused(client, county, done)) == ((1, 0, 0, 1), [("2", "unknown_household")])


def test_whoever_lost_the_region_posts_nothing(client: Client, database: RolledBack, county: Person, household: UUID) -> None:
    found = checked(client, database, county, csv_of(row(household)))
    client.post(f"/v1/need-imports/{found['id']}/confirmation", {}, by=county)
    with database.begin() as session:
        session.execute(text("UPDATE appointments SET ended_at = now() WHERE user_id = :id"), {"id": county.id})
    work.work_on_due(IMPORTS, database)
    [one] = database.found(text("SELECT state FROM imports"))
    assert (one.state, count_needs(database)) == ("failed", 0)


def test_households_keep_their_daily_limit(client: Client, database: RolledBack, county: Person, household: UUID) -> None:
    """A household may post ten needs a day, whoever posts them."""
    items = ["大米", "棉被", "面粉", "食盐", "食用油", "轮椅", "拐杖", "口罩", "书包", "文具", "煤炭", "化肥", "种子", "农膜", "雨鞋"]
    known = [item for item in items if tables.ItemNames({code: one for code, one in catalogue().items() if one.unit}, {}).find(item)]
    rows = [row(household, item, "1", "", reason=f"家里缺{item}{at}") for at, item in enumerate((known * 4)[:12])]
    found = checked(client, database, county, csv_of(*rows))
    taken = confirmed(client, database, county, found, take_doubtful=True)
    assert count_needs(database) == taken["written"]["new"] == 10
    assert {code for _, code in refused(client, county, taken)} == {"too_many_needs"}


def test_village_imports_within_its_own_daily_limit(
    client: Client, database: RolledBack, village: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(cast("dict[Any, int]", default_limits()), ("staff", "verified", "needs_a_day"), 1)
    content = csv_of(*(row(household_in(database, VILLAGE)) for _ in range(2)))
    found = checked(client, database, village, content, VILLAGE)
    answer = client.post(f"/v1/need-imports/{found['id']}/confirmation", {}, by=village)
    assert (answer.status_code, answer.json["code"]) == (422, "too_many_posted")
    above = administrator_of(database, COUNTY)
    assert counts(confirmed(client, database, above, found)["written"]) == (2, 0, 0, 0)


def test_others_see_and_import_nothing(client: Client, database: RolledBack, county: Person, household: UUID, donor: Person) -> None:
    found = checked(client, database, county, csv_of(row(household), row("X")))
    stranger, auditor = administrator_of(database, "510904"), auditor_of(database, COUNTY)
    path = f"/v1/need-imports/{found['id']}"
    assert client.get(path, by=auditor).status_code == 200
    assert client.get("/v1/need-imports", by=stranger).json["items"] == []
    for by, status in ((stranger, 404), (donor, 403)):
        assert client.get(path, by=by).status_code == status
        assert client.get(f"{path}/refused", by=by).status_code == status
        assert client.post(f"{path}/confirmation", {}, by=by).status_code == status
        assert client.post(f"{path}/check", {}, by=by).status_code == status
    assert client.post(f"{path}/confirmation", {}, by=auditor).status_code == 403
    assert send(client, stranger, csv_of(row(household))).status_code == 404
    assert send(client, donor, csv_of(row(household))).status_code == 403


def test_file_is_sealed_and_deleted_in_time(client: Client, database: RolledBack, county: Person, household: UUID) -> None:
    content = csv_of(row(household, reason="家里老人卧床三年"), row("X", reason="家里老人卧床三年"))
    found = checked(client, database, county, content)
    stored = database.found(text("SELECT content FROM import_parts UNION ALL SELECT content FROM import_rows"))
    assert len(stored) == 2
    assert not any("卧床".encode() in bytes(one.content) for one in stored)
    confirmed(client, database, county, found)
    assert database.found(text("SELECT count(*) FROM import_parts"))[0][0] == 0
    with database.begin() as session:
        session.execute(text("UPDATE imports SET keep_until = now() - interval '1 hour'"))
        assert sending.delete_old(session) == 1
    assert database.found(text("SELECT count(*) FROM import_rows"))[0][0] == 0
    assert client.get(f"/v1/need-imports/{found['id']}/refused", by=county).status_code == 404


def test_import_is_in_the_audit_log_of_each_household(client: Client, database: RolledBack, county: Person, household: UUID) -> None:
    content = csv_of(row(household), row(household, "棉被", "2", "床"), row(household_in(database, VILLAGE)))
    confirmed(client, database, county, checked(client, database, county, content))
    found = database.found(text("SELECT person_id, actor_id, details FROM audit.entries WHERE act = 'import_needs' ORDER BY id"))
    assert len(found) == 2
    assert (household, county.id, {"needs": 2}) in [tuple(one) for one in found]


def test_batch_is_posted_whole_or_not_at_all(
    client: Client, database: RolledBack, county: Person, household: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that dies between the needs and the cursor leaves nothing behind."""
    found = checked(client, database, county, csv_of(*(row(household_in(database, VILLAGE)) for _ in range(4))))
    client.post(f"/v1/need-imports/{found['id']}/confirmation", {}, by=county)
    monkeypatch.setattr(work, "BATCH", 2)
    store, calls = work.files.store_rows, iter((False, True))

    def die(*given: Any) -> None:
        store(*given)
        if next(calls, False):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(work.files, "store_rows", die)
        with pytest.raises(KeyboardInterrupt):
            work.work_on_due(IMPORTS, database)
    assert count_needs(database) == 2
    work.work_on_due(IMPORTS, database)
    done = client.get(f"/v1/need-imports/{found['id']}", by=county).json
    assert (done["state"], counts(done["written"]), count_needs(database)) == ("done", (4, 0, 0, 0), 4)
    assert database.found(text("SELECT count(*) FROM outbox WHERE name = 'need_posted'"))[0][0] == 4


def test_table_is_posted_on_after_a_statement_that_took_too_long(
    client: Client, database: RolledBack, county: Person, household: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = checked(client, database, county, csv_of(*(row(household_in(database, VILLAGE)) for _ in range(4))))
    client.post(f"/v1/need-imports/{found['id']}/confirmation", {}, by=county)
    monkeypatch.setattr(work, "BATCH", 2)
    store, slow = work.files.store_rows, iter((False, True))

    def take_too_long(of: Any, session: Session, *given: Any) -> None:
        store(of, session, *given)
        if next(slow, False):
            session.execute(text("SET LOCAL statement_timeout = 1"))
            session.execute(text("SELECT pg_sleep(1)"))

    monkeypatch.setattr(work.files, "store_rows", take_too_long)
    assert [work.work_on_due(IMPORTS, database) for _ in range(2)] == [1, 0]
    assert count_needs(database) == 2
    with database.begin() as session:
        session.execute(text("UPDATE imports SET waits_until = clock_timestamp() - interval '1 second'"))
    work.work_on_due(IMPORTS, database)
    done = client.get(f"/v1/need-imports/{found['id']}", by=county).json
    assert (done["state"], counts(done["written"]), count_needs(database)) == ("done", (4, 0, 0, 0), 4)
    assert database.found(text("SELECT count(*) FROM outbox WHERE name = 'need_posted'"))[0][0] == 4


def test_lines_together_keep_the_quota_of_a_household(client: Client, database: RolledBack, county: Person, household: UUID) -> None:
    """A household of two gets at most three times its usual rice, over its needs of before and the lines of a table."""
    with database.begin() as session:
        session.execute(text("UPDATE households SET size = 2"))
    [row_of] = database.found(text("SELECT size FROM households"))
    total = 3 * 2 * (catalogue()["food.rice"].per_person or 0)
    half = str(total // 2)
    content = csv_of(
        row(household, quantity=half), row(household, quantity=half, reason="又断粮"), row(household, quantity="5", reason="再次断粮")
    )
    found = checked(client, database, county, content)
    done = confirmed(client, database, county, found, take_doubtful=True)
    assert (row_of.size, counts(done["written"]), refused(client, county, done)) == (2, (2, 0, 0, 1), [("4", "above_quota")])


MANY_WAIT = """
    INSERT INTO needs (id, version, household_id, poster_id, region, category, unit, quantity, urgency, reason, state, posted_at)
    SELECT gen_random_uuid(), 1, gen_random_uuid(), gen_random_uuid(), '510903001001', 'food.rice', 'kg', 1, 'normal', '', 'posted', now()
    FROM generate_series(1, 5000)
"""
AT_ONCE = """
    SELECT household_id, category, count(*) AS open FROM needs WHERE household_id = ANY(CAST(:households AS uuid[]))
        AND state IN ('posted', 'confirmed', 'returned', 'published') GROUP BY household_id, category
"""
READS_ALL = pytest.mark.xfail(strict=True, raises=AssertionError, reason="asked for all at once, every batch reads all that waits")


@pytest.mark.parametrize(
    ("many", "instead"),
    [
        (queries.count_open_needs_of, None),
        (count_needs_of_households, None),
        pytest.param(queries.count_open_needs_of, AT_ONCE, marks=READS_ALL),
    ],
)
def test_batch_reads_the_needs_of_its_households_alone(
    database: RolledBack, monkeypatch: pytest.MonkeyPatch, many: Callable[..., Any], instead: str | None
) -> None:
    """Each batch of a large table looks at a few hundred households, however many needs wait, also before the table was analyzed."""
    households = [household_in(database, VILLAGE) for _ in range(100)]
    if instead:
        monkeypatch.setattr(queries, "_OPEN_OF_MANY", text(instead))
        monkeypatch.setattr(queries, "without_table_scans", nullcontext)
    with database.begin() as session:
        session.execute(text(MANY_WAIT))
        with rows_read(session.connection()) as reading:
            many(session, households)
    assert reading.rows < 1_000, reading.largest_scan()
