"""Sessions for guests: each statement is a transaction of its own, and settings hold all the same."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from uuid import uuid4

import pytest
from flask import Flask
from keeper import unguarded
from sqlalchemy import text
from sqlalchemy.exc import InternalError, OperationalError

from chassis.data import database as databases
from chassis.data.database import Database, forbid_bitmap_scans, is_statement_timeout
from chassis.http import deadlines
from chassis.settings import WebSettings
from chassis.testing.fixtures import RolledBack

TRANSACTION = text("SELECT CAST(pg_current_xact_id() AS text)")


@pytest.fixture
def database(database_of: Callable[[str, str], str]) -> Iterator[Database]:
    database = Database(database_of("pantry", "pantry_reading"), name="tests", pool_size=1)
    yield database
    database.close()


def test_each_statement_is_a_transaction_of_its_own(database: Database) -> None:
    with database.read() as session:
        assert session.scalar(TRANSACTION) != session.scalar(TRANSACTION)
    with database.begin() as session:
        assert session.scalar(TRANSACTION) == session.scalar(TRANSACTION)


def test_a_transaction_follows_a_session_of_single_statements(database: Database) -> None:
    with database.read() as session:
        forbid_bitmap_scans(session)
    with suppress(ZeroDivisionError), database.begin() as session:
        session.execute(text(f"CREATE TABLE undone_{uuid4().hex} ()"))
        raise ZeroDivisionError
    with database.begin() as session:
        assert session.scalar(text("SELECT count(*) FROM pg_tables WHERE tablename LIKE 'undone_%'")) == 0


def test_a_guests_read_that_writes_fails_in_tests(database_of: Callable[[str, str], str]) -> None:
    rolled_back = RolledBack(database_of("pantry", "pantry_reading"), name="tests")
    with rolled_back.trial():
        with pytest.raises(InternalError, match="read-only"), rolled_back.read() as session:
            session.execute(text("CREATE TABLE written ()"))
        with rolled_back.begin() as session:
            session.execute(text("CREATE TABLE written ()"))
    rolled_back.close()


@pytest.mark.parametrize("guarded", [True, unguarded(False, "without a transaction the setting ends with its own statement")])
def test_settings_hold_until_the_session_ends(database: Database, monkeypatch: pytest.MonkeyPatch, guarded: bool) -> None:
    if not guarded:
        monkeypatch.setattr(databases, "keep_settings", lambda _: None)
    with database.read() as session:
        forbid_bitmap_scans(session)
        assert session.scalar(text("SHOW enable_bitmapscan")) == "off"
        assert session.scalar(TRANSACTION) == session.scalar(TRANSACTION)
    with database.read() as session:
        assert session.scalar(text("SHOW enable_bitmapscan")) == "on"


@pytest.mark.parametrize("guarded", [True, unguarded(False, "without a transaction a late statement gets the whole time")])
def test_a_late_statement_of_a_guest_ends_in_time(database: Database, monkeypatch: pytest.MonkeyPatch, guarded: bool) -> None:
    if not guarded:
        monkeypatch.setattr(deadlines, "keep_settings", lambda _: None)
    deadlines.install(Flask("late"), database, WebSettings.of_environment())
    deadlines._granted.set(20.0)
    ends = deadlines._ends_at.set(time.monotonic() + 0.2)
    try:
        assert ends_by_timeout(database)
    finally:
        deadlines._ends_at.reset(ends)
    with database.read() as session:
        assert session.scalar(text("SHOW statement_timeout")) == "20s"


def ends_by_timeout(database: Database) -> bool:
    try:
        with database.read() as session:
            session.execute(text("SELECT pg_sleep(0.8)"))
    except OperationalError as error:
        return is_statement_timeout(error)
    return False
