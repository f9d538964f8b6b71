"""An import whose process is killed, again and again: no household twice, none half written, none missing."""

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

from chassis.data.database import Database
from chassis.http.auth import Caller
from chassis.testing import forkserver
from chassis.testing.fixtures import administrator_of
from users.imports import actions
from users.imports.model import Import

from .conftest import VILLAGE, national_id

ROOT = Path(__file__).resolve().parents[3]
WHOLE = "CAMPAIGN" in os.environ
ROWS, KILLS = (100_000, 12) if WHOLE else (5_000, 1)
WRITTEN = {
    "households": "SELECT count(*), count(DISTINCT national_id_fingerprint) FROM households",
    "versions": "SELECT count(*), count(DISTINCT household_id) FROM household_versions",
    "events": "SELECT count(*), count(DISTINCT subject) FROM outbox WHERE name = 'household_registered'",
    "entries": "SELECT count(*), count(DISTINCT subject_id) FROM audit.entries WHERE act = 'import_households'",
    "whole": "SELECT count(*), count(DISTINCT id) FROM households WHERE id IN (SELECT household_id FROM household_versions)"
    " AND id IN (SELECT subject FROM outbox) AND id IN (SELECT subject_id FROM audit.entries) AND substr(name, 1, 1) = '\\x02'",
}


@pytest.fixture
def database(database_of: Callable[[str, str], str]) -> Iterator[Database]:
    database = Database(database_of("users", "users_killed"), name="tests")
    yield database
    database.close()


def start(database: Database, folder: Path) -> forkserver.Fork:
    variables = dict(os.environ) | {"USERS_DATABASE_URL": database.engine.url.render_as_string(hide_password=False)}
    return forkserver.start(("users.importing", "users"), variables, folder / "importing.log", ROOT)


def one_row(database: Database, statement: str) -> Any:
    with database.begin() as session:
        return session.execute(text(statement)).one()


def soon(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + (600 if WHOLE else 120)
    while not what():
        assert time.monotonic() < deadline, "it does not come to this"
        time.sleep(0.01)


def households() -> bytes:
    """Return a table in which every hundredth row is refused."""
    numbers = iter(
        {national_id(f"19{year:02}{month:02}15") for year in range(30, 90) for month in range(1, 13) for _ in range(-(-ROWS // 600))}
    )
    made = StringIO(newline="")
    rows = [["卫?" if at % 100 == 0 else "欧阳守田", next(numbers), f"138{at // 2:08}"] for at in range(ROWS)]
    csv.writer(made).writerows([["户主姓名", "身份证号", "联系电话"], *rows])
    return made.getvalue().encode()


def send_and_confirm(database: Database, folder: Path) -> UUID:
    person = administrator_of(database, VILLAGE)
    with database.begin() as session:
        one = actions.send_table(session, Caller(person.id, "staff", session), households(), {"kind": "households", "region": VILLAGE})
    process = start(database, folder)
    soon(lambda: one_row(database, "SELECT state FROM imports").state != "checking")
    with database.begin() as session:
        actions.confirm(session, Caller(person.id, "staff", session), one.id, takes_doubtful=False)
    process.kill()
    process.wait(10)
    return one.id


@pytest.mark.timeout(3600 if WHOLE else 600)
def test_a_killed_import_goes_on_and_writes_each_row_once(database: Database, tmp_path: Path) -> None:
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
    assert {name: written[name] for name in ("new", "refused", "same", "changed", "doubtful")} == {
        "new": ROWS - refused, "refused": refused, "same": 0, "changed": 0, "doubtful": 0,
    }  # fmt: skip
    counts = {name: tuple(one_row(database, statement)) for name, statement in WRITTEN.items()}
    assert counts == dict.fromkeys(WRITTEN, (ROWS - refused, ROWS - refused))
