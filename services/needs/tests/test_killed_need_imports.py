"""An import of needs whose process is killed, again and again: no need twice, none half posted, none missing."""

import csv
import os
import time
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from chassis.data.bulk_sql import copy_rows
from chassis.data.database import Database, new_id
from chassis.http.auth import Caller
from chassis.testing import forkserver
from chassis.testing.fixtures import administrator_of
from needs.catalogue.actions import publish_catalogue
from needs.imports import sending
from needs.imports.model import Import

from .conftest import VILLAGE

ROOT = Path(__file__).resolve().parents[3]
WHOLE = "CAMPAIGN" in os.environ
ROWS, KILLS = (100_000, 12) if WHOLE else (3_000, 1)
ITEMS = ("大米", "棉被", "面粉")
WRITTEN = {
    "needs": "SELECT count(*), count(DISTINCT (household_id, category)) FROM needs",
    "history": "SELECT count(*), count(DISTINCT need_id) FROM need_history",
    "events": "SELECT count(*), count(DISTINCT subject) FROM outbox WHERE name = 'need_posted'",
    "lines": "SELECT count(*), count(DISTINCT need_id) FROM imported_lines",
    "whole": "SELECT count(*), count(DISTINCT id) FROM needs WHERE id IN (SELECT need_id FROM imported_lines)"
    " AND id IN (SELECT subject FROM outbox) AND id IN (SELECT need_id FROM need_history)",
}


@pytest.fixture
def database(database_of: Callable[[str, str], str]) -> Iterator[Database]:
    database = Database(database_of("needs", "needs_killed"), name="tests")
    yield database
    database.close()


def start(database: Database, folder: Path) -> forkserver.Fork:
    variables = dict(os.environ) | {"NEEDS_DATABASE_URL": database.engine.url.render_as_string(hide_password=False)}
    return forkserver.start(("needs.importing", "needs"), variables, folder / "importing.log", ROOT)


def one_row(database: Database, statement: str) -> Any:
    with database.begin() as session:
        return session.execute(text(statement)).one()


def soon(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + (1200 if WHOLE else 240)
    while not what():
        assert time.monotonic() < deadline, "it does not come to this"
        time.sleep(0.01)


def table_of(database: Database) -> bytes:
    """Register households; return a table with three needs of each, in which every hundredth row is refused."""
    households = [new_id() for _ in range(ROWS // len(ITEMS) + 1)]
    with database.begin() as session:
        publish_catalogue(session)
        columns = ("id", "version", "region", "is_institution", "ended")
        copy_rows(session, "households", columns, [(one, 1, VILLAGE, False, False) for one in households])
    made = StringIO(newline="")
    rows = [
        [households[at // len(ITEMS)], ITEMS[at % len(ITEMS)], "大量" if at % 100 == 0 else 1 + at % 2, "御寒过冬", "slip"]
        for at in range(ROWS)
    ]
    csv.writer(made).writerows([["户编号", "物品", "数量", "理由", "同意方式"], *rows])
    return made.getvalue().encode()


def send_and_confirm(database: Database, folder: Path) -> UUID:
    person, content = administrator_of(database, VILLAGE[:6]), table_of(database)
    with database.begin() as session:
        one = sending.send_table(session, Caller(person.id, "staff", session), content, {"region": VILLAGE[:6]})
    process = start(database, folder)
    soon(lambda: one_row(database, "SELECT state FROM imports").state != "checking")
    with database.begin() as session:
        sending.confirm(session, Caller(person.id, "staff", session, gave_second_factor=True), one.id, takes_doubtful=False)
    process.kill()
    process.wait(10)
    return one.id


@pytest.mark.timeout(3600 if WHOLE else 600)
def test_killed_import_posts_each_need_once(database: Database, tmp_path: Path) -> None:
    import_id = send_and_confirm(database, tmp_path)
    for kill in range(KILLS):
        process = start(database, tmp_path)
        passed = ROWS * (kill + 1) // (KILLS + 2)
        soon(lambda passed=passed: one_row(database, "SELECT cursor FROM imports").cursor > passed)  # type: ignore[misc]
        process.kill()
        process.wait(10)
        assert one_row(database, "SELECT state FROM imports").state == "importing"
    process = start(database, tmp_path)
    soon(lambda: one_row(database, "SELECT state FROM imports").state == "done")
    process.terminate()
    assert process.wait(10) == 0
    refused = -(-ROWS // 100)
    with database.begin() as session:
        written = session.get_one(Import, import_id).written
    assert {name: written[name] for name in ("new", "refused", "same", "doubtful")} == {
        "new": ROWS - refused, "refused": refused, "same": 0, "doubtful": 0,
    }  # fmt: skip
    counts = {name: tuple(one_row(database, statement)) for name, statement in WRITTEN.items()}
    assert counts == dict.fromkeys(WRITTEN, (ROWS - refused, ROWS - refused))
