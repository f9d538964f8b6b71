"""Imports of tables: the check, the confirmation, refused rows, going on after a death, mappings of headings, who may."""

import csv
import json
from contextlib import suppress
from datetime import timedelta
from io import BytesIO, StringIO
from itertools import count
from random import Random
from typing import Any

import phonenumbers
import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session
from stdnum.cn import ric

from chassis.data.audit_log import AuditEntry
from chassis.data.database import now
from chassis.imports import work
from chassis.tables.workbook import Workbook
from chassis.tables.writing import REASONS
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of, auditor_of
from chassis.testing.twins import altered, unguarded
from chassis.testing.workbooks import error, formula, merged, number, sheet, workbook
from contracts.users import AppointmentOffered, HouseholdRegistered, UserRegistered
from users import personal
from users.households.model import Household
from users.imports import actions, lines
from users.imports.kinds import IMPORTS
from users.imports.model import Import, ImportPart, ImportRows

from .conftest import VILLAGE, me_of, national_id, pending, person_of, phone, sign_up

NEXT_VILLAGE = "510903001002"
HEADINGS = ["户主姓名", "身份证号", "联系电话", "所在村代码", "家庭人口", "住址", "备注"]


def table(*rows: list[str], headings: list[str] = HEADINGS, encoding: str = "utf-8") -> bytes:
    made = StringIO(newline="")
    csv.writer(made).writerows([headings, *rows])
    return made.getvalue().encode(encoding)


def row(
    name: str = "欧阳守田", number: str | None = None, telephone: str = "", village: str = VILLAGE, size: str = "", address: str = ""
) -> list[str]:
    return [name, number or national_id(), telephone, village, size, address, ""]


def send(client: Client, by: Person, content: bytes, kind: str = "households", region: str = VILLAGE, **query: str) -> Any:
    headers = client._headers(by)
    asked = {"kind": kind, "region": region, **query}
    return client.flask.post("/v1/imports", data=content, query_string=asked, headers=headers, content_type="text/csv")


def sent(client: Client, database: RolledBack, by: Person, content: bytes, **more: Any) -> Any:
    """Send a table, let it be checked, and return what is said about it."""
    answer = send(client, by, content, **more)
    assert answer.status_code == 202, answer.json
    assert answer.json["state"] == "checking"
    work.work_on_due(IMPORTS, database)
    return client.get(answer.headers["Location"], by=by).json


def imported(client: Client, database: RolledBack, by: Person, content: bytes, take_doubtful: bool = False, **more: Any) -> Any:
    """Send a table, confirm it, and return what is said about it in the end."""
    checked = sent(client, database, by, content, **more)
    assert checked["state"] == "checked", checked
    path = f"/v1/imports/{checked['id']}"
    confirmed = client.post(f"{path}/confirmation", {"take_doubtful": take_doubtful}, by=by)
    assert (confirmed.status_code, confirmed.json["state"]) == (202, "importing"), confirmed.json
    assert confirmed.json["version"] == checked["version"] + 1
    work.work_on_due(IMPORTS, database)
    return client.get(path, by=by).json


def outcomes(counts: dict[str, Any]) -> dict[str, int]:
    return {name: number for name, number in counts.items() if name != "notes" and number}


def refused(client: Client, by: Person, one: dict[str, Any], **query: str) -> list[dict[str, str]]:
    answer = client.get(f"/v1/imports/{one['id']}/refused", by=by, **query)
    assert answer.status_code == 200, answer.json
    return list(csv.DictReader(StringIO(answer.data.decode("utf-8-sig"), newline="")))


def households(database: RolledBack) -> list[Household]:
    with database.begin() as session:
        return list(session.scalars(select(Household).order_by(Household.id)))


def test_a_crooked_workbook_is_checked_then_imported(client: Client, database: RolledBack, village: Person) -> None:
    good, shared = national_id(), phone()
    rows = [
        ["石门村帮扶对象花名册（2026年）"],
        HEADINGS,
        ["欧阳守田", good, number(shared), number(VILLAGE), number("3"), "三组12号"],
        ["卫𠮷", f"'{national_id()}", shared, VILLAGE, "1", ""],
        [],
        ["石门坎", number("510921194905120000"), None, VILLAGE],
        ["卫?", national_id(), None, VILLAGE],
        ["李四", national_id(), error("#N/A"), VILLAGE],
        ["王五", formula("A1", national_id()), None, VILLAGE],
        ["赵六", good.lower(), None, VILLAGE],
        ["合计", number("7")],
        ["钱七", national_id(), "12345", VILLAGE, None, None, None, "x"],
    ]
    content = workbook({"说明": sheet([["请填第二张表"]]), "名单": sheet(rows, more=merged("A1:G1"))})
    checked = sent(client, database, village, content)
    assert (checked["state"], outcomes(checked["found"])) == ("checked", {"new": 2, "refused": 7}), checked
    assert checked["table"]["sheet"] == "名单"
    assert {one["heading"]: one["field"] for one in checked["table"]["columns"]}["备注"] is None
    assert households(database) == []
    assert pending(database) == []
    listed = [(one[REASONS[0]], one[REASONS[1]], one[REASONS[2]]) for one in refused(client, village, checked)]
    assert listed == [
        ("6", "身份证号", "cell_digits"), ("7", "户主姓名", "cell_lost"), ("8", "联系电话", "cell_error"),
        ("9", "身份证号", "cell_formula"),
        ("10", "", "row_repeated"), ("11", "", "row_total"), ("12", "", "row_extra"),
    ]  # fmt: skip
    done = client.post(f"/v1/imports/{checked['id']}/confirmation", by=village)
    assert done.status_code == 202
    work.work_on_due(IMPORTS, database)
    done = client.get(f"/v1/imports/{checked['id']}", by=village).json
    assert (done["state"], outcomes(done["written"]), done["progress"]) == ("done", {"new": 2, "refused": 7}, {"done": 9, "rows": 9})
    assert [(one.name, one.size, one.address) for one in households(database)] == [("欧阳守田", 3, "三组12号"), ("卫𠮷", 1, None)]
    assert [type(event) for event in pending(database)] == [HouseholdRegistered] * 2
    assert len(refused(client, village, done)) == 7


def test_two_households_with_one_telephone_are_both_registered(client: Client, database: RolledBack, village: Person) -> None:
    number = phone()
    done = imported(client, database, village, table(row(telephone=number), row("石门坎", telephone=f"+86 {number}")))
    assert outcomes(done["written"]) == {"new": 2}
    listed = client.get("/v1/households", by=village).json["items"]
    assert [(one["contact_phone"], one["phone_kind"]) for one in listed] == [(number, "shared")] * 2
    again = sent(client, database, village, table(row("王秀英", telephone=number)))
    assert [(note["code"], note["rows"]) for note in again["found"]["notes"]] == [("phone_shared", 1)]


def test_a_table_sent_twice_changes_nothing(client: Client, database: RolledBack, village: Person) -> None:
    content = table(row(telephone=phone(), size="3"), row(), row("卫𠮷"))
    assert outcomes(imported(client, database, village, content)["written"]) == {"new": 3}
    before = pending(database)
    assert outcomes(imported(client, database, village, content)["written"]) == {"same": 3}
    assert (pending(database), len(households(database))) == (before, 3)


def test_changes_are_made_and_other_names_are_doubtful(client: Client, database: RolledBack, village: Person) -> None:
    first, second, third = national_id(), national_id(), national_id()
    imported(client, database, village, table(row(number=first), row(number=second), row(number=third, size="2")))
    content = table(row(number=first, address="三组12号"), row("欧阳秀", second, size="4"), row(number=third))
    checked = sent(client, database, village, content)
    assert outcomes(checked["found"]) == {"changed": 1, "doubtful": 1, "same": 1}
    assert [one["户主姓名"] for one in refused(client, village, checked, outcome="doubtful")] == ["欧阳秀"]
    [changed] = refused(client, village, checked, outcome="changed")
    assert (changed["住址"], changed[REASONS[1]], changed[REASONS[2]]) == ("三组12号", "住址", "changed")
    assert outcomes(imported(client, database, village, content)["written"]) == {"changed": 1, "doubtful": 1, "same": 1}
    assert [(one.name, one.address, one.size) for one in households(database)] == [
        ("欧阳守田", "三组12号", None), ("欧阳守田", None, None), ("欧阳守田", None, 2),
    ]  # fmt: skip
    assert outcomes(imported(client, database, village, content, take_doubtful=True)["written"]) == {"same": 2, "changed": 1}
    assert [(one.name, one.size) for one in households(database)][1] == ("欧阳秀", 4)


def test_who_stands_elsewhere_is_not_told(client: Client, database: RolledBack, village: Person) -> None:
    stranger = administrator_of(database, "510904001001")
    number = national_id()
    imported(client, database, stranger, table(row(number=number, village="510904001001")), region="510904001001")
    done = imported(client, database, village, table(row(number=number)))
    assert outcomes(done["found"]) == outcomes(done["written"]) == {"new": 1}
    with database.begin() as session:
        assert session.scalar(text("SELECT count(*) FROM household_transfers WHERE region = '510904001001'")) == 1


def test_who_stands_in_another_village_of_the_region_is_refused(client: Client, database: RolledBack, town: Person) -> None:
    number = national_id()
    imported(client, database, town, table(row(number=number)), region=VILLAGE)
    checked = sent(client, database, town, table(row(number=number, village=NEXT_VILLAGE), row(village="510904001001")), region=VILLAGE[:9])
    assert [one[REASONS[2]] for one in refused(client, town, checked)] == ["household_registered", "outside_region"]


@pytest.mark.parametrize(
    ("cells", "code", "heading"),
    [
        (["", "5109", "", VILLAGE], "required; code_form", "户主姓名; 身份证号"),
        (["Аlice", "", "", VILLAGE], "name_scripts; required", "户主姓名"),
        (["甲", national_id(), "12345", VILLAGE], "text_form", "联系电话"),
        (["甲", national_id(), "", "510903001999"], "unknown_region", "所在村代码"),
        (["甲", "510921490512002", "", VILLAGE, "0"], "out_of_range", "家庭人口"),
        (["甲", "510921200805120", "", VILLAGE], "id_of_15", "身份证号"),
        (["甲", national_id(), "", VILLAGE, "三"], "not_whole", "家庭人口"),
    ],
)  # fmt: skip
def test_invalid_rows_name_column_code_and_sentences(
    client: Client, database: RolledBack, village: Person, cells: list[str], code: str, heading: str
) -> None:
    checked = sent(client, database, village, table(cells, row()))
    [one] = refused(client, village, checked)
    assert set(one[REASONS[2]].split("; ")) <= {*code.split("; "), "text_form"}
    assert heading in one[REASONS[1]]
    assert one[REASONS[3]]
    assert one[REASONS[4]]
    assert outcomes(checked["found"]) == {"new": 1, "refused": 1}


def test_an_id_of_15_digits_becomes_one_of_18(client: Client, database: RolledBack, village: Person) -> None:
    checked = sent(client, database, village, table(row(number="510921490512002")))
    assert [note["code"] for note in checked["found"]["notes"]] == ["id_lengthened"]
    imported(client, database, village, table(row(number="510921490512002")))
    digits = "51092119490512002"
    assert [one.national_id for one in households(database)] == [digits + ric.calc_check_digit(digits + "0")]


def test_only_a_table_of_a_township_needs_a_column_of_regions(client: Client, database: RolledBack, town: Person) -> None:
    content = table(["甲", national_id()], headings=["姓名", "身份证号码"])
    assert outcomes(sent(client, database, town, content)["found"]) == {"new": 1}
    failed = sent(client, database, town, content, region=VILLAGE[:9])
    assert (failed["state"], failed["problem"]["code"]) == ("failed", "headings_missing")
    assert "区划代码" in failed["problem"]["title"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "table_empty"), (b"\x89PNG\r\n\x1a\n", "table_type"), (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "table_old"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_table_is_refused_at_once(client: Client, village: Person, content: bytes, code: str) -> None:
    answer = send(client, village, content)
    assert (answer.status_code, answer.json["code"]) == (422, code)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (table(row(), headings=[*HEADINGS[:-1], "姓名"]), "headings_alike"),
        (table(row(), headings=[*HEADINGS[:-1], "住址 "]), "heading_twice"),
        (b"PK\x03\x04 and nothing", "table_damaged"), ("户主姓名,身份证号\n陆,1".encode("big5", "replace"), "table_encoding"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_read_fails_with_a_sentence(
    client: Client, database: RolledBack, village: Person, content: bytes, code: str
) -> None:
    failed = sent(client, database, village, content)
    assert (failed["state"], failed["problem"]["code"], failed["allowed"]) == ("failed", code, ["check_import"])
    assert failed["problem"]["title"]


def assert_goes_on(client: Client, database: RolledBack, village: Person) -> None:
    """Let the process end after a batch, let another go on, and check that every row counts once."""
    content = table(*(row() for _ in range(7)), row("卫?"), row())
    checked = sent(client, database, village, content)
    client.post(f"/v1/imports/{checked['id']}/confirmation", by=village)
    calls = iter([False, False, True])
    work.work_on_due(IMPORTS, database, lambda: next(calls, True))
    half = client.get(f"/v1/imports/{checked['id']}", by=village).json
    assert (half["state"], half["progress"]["done"], len(households(database))) == ("importing", 3, 3)
    work.work_on_due(IMPORTS, database)
    done = client.get(f"/v1/imports/{checked['id']}", by=village).json
    assert (done["state"], outcomes(done["written"])) == ("done", {"new": 8, "refused": 1})
    assert len(households(database)) == len(pending(database)) == 8


def test_an_import_goes_on_behind_its_cursor(
    client: Client, database: RolledBack, village: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "BATCH", 3)
    assert_goes_on(client, database, village)


@pytest.mark.parametrize("change", [unguarded(("_lines", "if line.number > self._cursor:", "if True:"), reason="rows before the cursor")])
def test_an_import_does_not_go_on_without_its_cursor(
    client: Client, database: RolledBack, village: Person, monkeypatch: pytest.MonkeyPatch, change: tuple[str, str, str]
) -> None:
    name, guard, instead = change
    monkeypatch.setattr(work, "BATCH", 3)
    monkeypatch.setattr(work._Pass, name, altered(getattr(work._Pass, name), guard, instead))
    assert_goes_on(client, database, village)


def test_a_row_that_repeats_one_before_the_cursor_is_refused(
    client: Client, database: RolledBack, village: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "BATCH", 2)
    twice = national_id()
    checked = sent(client, database, village, table(row(number=twice), row(), row("王秀英", twice)))
    client.post(f"/v1/imports/{checked['id']}/confirmation", by=village)
    calls = iter([False, False, True])
    work.work_on_due(IMPORTS, database, lambda: next(calls, True))
    work.work_on_due(IMPORTS, database)
    done = client.get(f"/v1/imports/{checked['id']}", by=village).json
    assert outcomes(done["written"]) == {"new": 2, "refused": 1}
    assert [one["户主姓名"] for one in refused(client, village, done)] == ["王秀英"]
    assert [one.name for one in households(database)] == ["欧阳守田"] * 2


TRIES = work.MOST_TRIES


class Died(BaseException):
    """A process ended in the middle, as one that ran out of memory does."""


@pytest.mark.parametrize("most", [TRIES, unguarded(1_000, "without a bound, one table stops all others for ever")])
def test_table_over_which_processes_die_is_given_up(
    client: Client, database: RolledBack, village: Person, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(work, "MOST_TRIES", most)
    bad = send(client, village, table(row("毒"))).headers["Location"]
    good = send(client, village, table(row())).headers["Location"]
    read = lines.LineReader.read

    def die(reader: Any, one: Any) -> Any:
        if "毒" in one.cells:
            raise Died
        return read(reader, one)

    monkeypatch.setattr(lines.LineReader, "read", die)
    for _ in range(TRIES):
        with suppress(Died):
            work.work_on_due(IMPORTS, database)
    with suppress(Died):
        work.work_on_due(IMPORTS, database)
    states = [client.get(path, by=village).json["state"] for path in (bad, good)]
    assert states == ["failed", "checked"]
    assert client.get(bad, by=village).json["problem"]["code"] == "broken"


def test_process_that_is_asked_to_end_counts_for_nothing(client: Client, database: RolledBack, village: Person) -> None:
    path = send(client, village, table(row())).headers["Location"]
    for _ in range(2 * TRIES):
        calls = iter([False, True])
        work.work_on_due(IMPORTS, database, lambda calls=calls: next(calls, True))  # type: ignore[misc]
        assert client.get(path, by=village).json["state"] == "checking"
    work.work_on_due(IMPORTS, database)
    assert client.get(path, by=village).json["state"] == "checked"


def take_too_long(session: Session) -> None:
    """Run a statement beyond its time, as any does in an overloaded database."""
    session.execute(text("SET LOCAL statement_timeout = 1"))
    session.execute(text("SELECT pg_sleep(1)"))


def slow_from(monkeypatch: pytest.MonkeyPatch, turn: int, turns: int = 1) -> None:
    """Let the last statement of `turns` batches take too long, beginning with the batch of this number."""
    store, calls = work.files.store_rows, count(1)

    def store_slowly(of: Any, session: Session, *given: Any) -> None:
        store(of, session, *given)
        if turn <= next(calls) < turn + turns:
            take_too_long(session)

    monkeypatch.setattr(work.files, "store_rows", store_slowly)


def let_time_pass(database: RolledBack) -> float:
    """Let the pause of all imports pass; return the seconds that the longest would have taken."""
    with database.begin() as session:
        seconds = session.scalar(text("SELECT extract(epoch FROM max(waits_until) - clock_timestamp()) FROM imports"))
        session.execute(text("UPDATE imports SET waits_until = clock_timestamp() - interval '1 second'"))
    return float(seconds)


@pytest.mark.parametrize(
    "otherwise",
    [None, unguarded("if is_statement_timeout(error):", "without the pause, one slow statement ends an import for good")],
)
def test_import_goes_on_after_a_statement_that_took_too_long(
    client: Client, database: RolledBack, village: Person, monkeypatch: pytest.MonkeyPatch, otherwise: str | None
) -> None:
    if otherwise:
        monkeypatch.setattr(work, "work_on", altered(work.work_on, otherwise, "if False:"))
    monkeypatch.setattr(work, "BATCH", 3)
    checked = sent(client, database, village, table(*(row() for _ in range(7))))
    client.post(f"/v1/imports/{checked['id']}/confirmation", by=village)
    slow_from(monkeypatch, 2)
    work.work_on_due(IMPORTS, database)
    half = client.get(f"/v1/imports/{checked['id']}", by=village).json
    assert (half["state"], half["progress"]["done"], len(households(database)), len(pending(database))) == ("importing", 3, 3, 3)
    other = sent(client, database, village, table(row()))
    assert other["state"] == "checked", "an import that waits keeps no other from coming"
    assert client.get(f"/v1/imports/{checked['id']}", by=village).json["progress"]["done"] == 3
    assert 20 < let_time_pass(database) <= 30
    assert work.work_on_due(IMPORTS, database) == 1
    done = client.get(f"/v1/imports/{checked['id']}", by=village).json
    assert (done["state"], outcomes(done["written"])) == ("done", {"new": 7})
    assert len({one.id for one in households(database)}) == len(pending(database)) == 7


def test_import_that_stays_too_slow_ends_with_its_reason(
    client: Client, database: RolledBack, village: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "BATCH", 2)
    content = table(*(row() for _ in range(4)))
    checked = sent(client, database, village, content)
    path = f"/v1/imports/{checked['id']}"
    client.post(f"{path}/confirmation", by=village)
    with monkeypatch.context() as patch:
        slow_from(patch, 2, turns=1_000)
        pauses = []
        # The first try has moved on before it was too slow, so it does not count.
        for _ in range(work.MOST_SLOW_TRIES):
            work.work_on_due(IMPORTS, database)
            assert client.get(path, by=village).json["state"] == "importing"
            pauses.append(round(let_time_pass(database) / 30))
        work.work_on_due(IMPORTS, database)
    ended = client.get(path, by=village).json
    assert pauses == [1, 1, 2, 4, 8]
    assert (ended["state"], ended["problem"]["code"], outcomes(ended["written"])) == ("failed", "import_too_slow", {"new": 2})
    again = imported(client, database, village, content)
    assert (again["state"], outcomes(again["written"])) == ("done", {"same": 2, "new": 2})
    assert len(households(database)) == len(pending(database)) == 4


def test_check_that_stayed_too_slow_can_be_asked_for_again(
    client: Client, database: RolledBack, village: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = send(client, village, table(row())).headers["Location"]
    with monkeypatch.context() as patch:
        slow_from(patch, 1, turns=1_000)
        for _ in range(work.MOST_SLOW_TRIES):
            work.work_on_due(IMPORTS, database)
            let_time_pass(database)
    ended = client.get(path, by=village).json
    assert (ended["state"], ended["problem"]["code"]) == ("failed", "import_too_slow")
    assert client.post(f"{path}/check", by=village).status_code == 202
    work.work_on_due(IMPORTS, database)
    assert client.get(path, by=village).json["state"] == "checked"


def test_two_processes_do_not_work_on_one_import(client: Client, database: RolledBack, village: Person) -> None:
    send(client, village, table(row()))
    with database.begin() as session:
        import_id = session.scalars(select(Import.id)).one()
    with work._held(database, import_id) as is_held:
        assert is_held
        assert not work.work_on(IMPORTS, database, import_id)
    assert work.work_on(IMPORTS, database, import_id)


def test_whoever_lost_their_office_imports_nothing(client: Client, database: RolledBack, village: Person) -> None:
    checked = sent(client, database, village, table(row()))
    client.post(f"/v1/imports/{checked['id']}/confirmation", by=village)
    with database.begin() as session:
        session.execute(text("DELETE FROM appointments WHERE user_id = :id"), {"id": village.id})
    work.work_on_due(IMPORTS, database)
    with database.begin() as session:
        one = session.scalars(select(Import)).one()
        assert (one.state, json.loads(one.problem or "[]")[0]) == ("failed", "outside_region")
    assert households(database) == []


def test_file_and_rows_are_encrypted_and_deleted_in_time(client: Client, database: RolledBack, village: Person) -> None:
    content = table(row("欧阳守田"), row("卫?"))
    done = imported(client, database, village, content)
    waiting = sent(client, database, village, content)
    with database.begin() as session:
        [stored] = session.scalars(text("SELECT content FROM import_parts"))
        assert "欧阳守田".encode() not in bytes(stored)
        assert actions.delete_old(session) == 0
        session.execute(text("UPDATE imports SET keep_until = :past"), {"past": now() - timedelta(seconds=1)})
        assert (actions.delete_old(session), actions.delete_old(session)) == (2, 0)
        assert session.scalars(select(ImportPart)).all() == session.scalars(select(ImportRows)).all() == []
    left = [client.get(f"/v1/imports/{one['id']}", by=village).json for one in (done, waiting)]
    assert [one["state"] for one in left] == ["done", "expired"]
    assert [one["version"] for one in left] == [before["version"] + 1 for before in (done, waiting)]
    assert client.get(f"/v1/imports/{waiting['id']}/refused", by=village).status_code == 404
    assert client.post(f"/v1/imports/{waiting['id']}/confirmation", by=village).json["code"] == "state_conflict"
    assert client.post(f"/v1/imports/{waiting['id']}/check", by=village).json["code"] == "state_conflict"


def test_refused_rows_come_as_a_workbook_that_can_be_sent_again(client: Client, database: RolledBack, village: Person) -> None:
    checked = sent(client, database, village, table(row("卫?"), row()))
    answer = client.get(f"/v1/imports/{checked['id']}/refused", by=village, format="xlsx")
    assert answer.headers["Content-Disposition"].endswith('.xlsx"')
    book = Workbook(BytesIO(answer.data))
    heading, first = book.rows(book.sheets[0])
    assert (heading.cells, first.cells[0], first.cells[5]) == ([*REASONS, *HEADINGS], "2", "卫?")
    again = sent(client, database, village, answer.data)
    assert outcomes(again["found"]) == {"refused": 1}


def test_a_mapping_is_saved_and_used(client: Client, database: RolledBack, town: Person, village: Person) -> None:
    content = table(["甲", national_id(), "x"], headings=["当家人", "证号", "姓名"])
    failed = sent(client, database, village, content)
    assert failed["problem"]["code"] == "headings_missing"
    columns = [{"heading": "当家人", "field": "name"}, {"heading": "证号", "field": "national_id"}, {"heading": "姓名", "field": None}]
    saved = client.post("/v1/import-mappings", {"kind": "households", "region": VILLAGE[:9], "name": "旧表", "columns": columns}, by=town)
    assert saved.status_code == 201, saved.json
    path = saved.headers["Location"]
    assert client.get(path, by=village).json["columns"] == columns
    assert [one["id"] for one in client.get("/v1/import-mappings", by=village).json["items"]] == [saved.json["id"]]
    again = client.post(f"/v1/imports/{failed['id']}/check", {"mapping_id": saved.json["id"]}, by=village)
    assert (again.status_code, again.json["state"], again.json["version"]) == (202, "checking", failed["version"] + 1)
    work.work_on_due(IMPORTS, database)
    assert outcomes(client.get(f"/v1/imports/{failed['id']}", by=village).json["found"]) == {"new": 1}
    assert outcomes(sent(client, database, village, content, mapping_id=saved.json["id"])["found"]) == {"new": 1}
    twice = client.post("/v1/import-mappings", {"kind": "households", "region": VILLAGE[:9], "name": "旧表", "columns": columns}, by=town)
    assert (twice.status_code, twice.json["code"]) == (409, "mapping_saved")
    assert client.post(f"{path}/removal", by=village).status_code == 403
    removed = client.post(f"{path}/removal", by=town)
    assert (removed.status_code, removed.json["version"]) == (201, saved.json["version"] + 1)
    assert client.get(path, by=town).status_code == 404


def test_a_mapping_to_an_unknown_field_is_refused(client: Client, village: Person) -> None:
    body = {"kind": "households", "region": VILLAGE, "name": "x", "columns": [{"heading": "甲", "field": "password"}]}
    answer = client.post("/v1/import-mappings", body, by=village)
    assert (answer.status_code, answer.json["code"]) == (422, "unknown_column")


def test_accounts_wait_for_their_owners_to_prove_the_phone(client: Client, database: RolledBack, town: Person) -> None:
    number, held = phone(), phone()
    person_of(client, phone=held, name="别人", kind="donor")
    headings = ["类型", "手机号", "姓名", "密码"]
    content = table(["志愿者", number, "冯知微", ""], ["工作人员", held, "林默", ""], ["贫困户", phone(), "甲", ""], headings=headings)
    done = imported(client, database, town, content, kind="accounts", region=VILLAGE[:9])
    # The account that holds the second phone lies elsewhere, so it is not told of.
    assert outcomes(done["found"]) == outcomes(done["written"]) == {"new": 2, "refused": 1}
    assert [type(event) for event in pending(database)].count(UserRegistered) == 3
    assert outcomes(imported(client, database, town, content, kind="accounts", region=VILLAGE[:9])["written"]) == {"same": 2, "refused": 1}
    tokens = sign_up(client, phone=number, kind="volunteer", name="冯知微")
    assert me_of(client, tokens)["kind"] == "volunteer"


def test_administrators_are_offered_their_offices(client: Client, database: RolledBack, town: Person) -> None:
    number, other = phone(), phone()
    person_of(client, phone=number, name="林默", kind="staff")
    person_of(client, phone=other, name="甲", kind="staff")
    headings = ["手机号", "姓名", "管理区域代码"]
    content = table(
        [number, "林默", VILLAGE], [other, "乙", VILLAGE], [phone(), "丙", VILLAGE], [number, "林默", "510904"], [number, "林默", VILLAGE],
        headings=headings,
    )  # fmt: skip
    done = imported(client, database, town, content, kind="administrators", region=VILLAGE[:9])
    assert outcomes(done["found"]) == {"new": 1, "doubtful": 1, "refused": 3}
    assert outcomes(done["written"]) == {"new": 1, "doubtful": 1, "refused": 3}
    assert [one[REASONS[2]] for one in refused(client, town, done)] == ["unknown_administrator", "outside_region", "row_repeated"]
    offers = [event for event in pending(database) if isinstance(event, AppointmentOffered)]
    assert [event.region for event in offers] == [VILLAGE]
    again = imported(client, database, town, content, take_doubtful=True, kind="administrators", region=VILLAGE[:9])
    assert outcomes(again["written"]) == {"new": 1, "same": 1, "refused": 3}


def test_others_see_and_confirm_nothing(client: Client, database: RolledBack, village: Person) -> None:
    checked = sent(client, database, village, table(row("卫?")))
    stranger, auditor = administrator_of(database, NEXT_VILLAGE), auditor_of(database, VILLAGE[:9])
    path = f"/v1/imports/{checked['id']}"
    for way in (path, f"{path}/refused"):
        assert client.get(way, by=stranger).status_code == 404
        assert client.get(way, by=auditor).status_code == 200
    assert client.get("/v1/imports", by=stranger).json["items"] == []
    assert [one["id"] for one in client.get("/v1/imports", by=auditor).json["items"]] == [checked["id"]]
    assert client.post(f"{path}/confirmation", by=stranger).status_code == 404
    assert client.post(f"{path}/confirmation", by=auditor).status_code == 403
    assert send(client, village, table(row()), region=NEXT_VILLAGE).json["code"] == "outside_region"
    assert send(client, Person("donor"), table(row())).status_code == 403


def test_import_above_the_village_needs_a_second_factor(client: Client, town: Person) -> None:
    town.claims = {}
    assert send(client, town, table(row())).json["code"] == "second_factor_needed"


def test_a_download_and_every_household_are_in_the_audit_log(client: Client, database: RolledBack, village: Person) -> None:
    done = imported(client, database, village, table(row("卫?"), row()))
    refused(client, village, done)
    with database.begin() as session:
        entries = session.execute(select(AuditEntry.act, AuditEntry.subject_kind, AuditEntry.actor_id).order_by(AuditEntry.id)).all()
    assert [(act, subject) for act, subject, actor in entries if actor == village.id] == [
        ("send_table", "import"), ("confirm_import", "import"), ("import_households", "household"), ("download_import_rows", "import"),
    ]  # fmt: skip


def test_one_person_sends_few_tables_at_once(client: Client, village: Person) -> None:
    answers = [send(client, village, table(row())) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [202] * 5 + [429]
    assert answers[-1].json["code"] == "too_many_imports"


def test_mobile_numbers_are_those_of_the_library() -> None:
    chance = Random(1)
    numbers = [f"1{chance.randrange(10**10):010}" for _ in range(300)] + [f"1{start}00001234" for start in range(10, 100)]
    assert [one for one in numbers if bool(personal._MOBILE_NUMBER.match(one)) != is_mobile(one)] == []


def is_mobile(number: str) -> bool:
    parsed = phonenumbers.parse(number, "CN")
    kind = phonenumbers.number_type(parsed)
    return phonenumbers.is_valid_number(parsed) and kind == phonenumbers.PhoneNumberType.MOBILE and str(parsed.national_number) == number
