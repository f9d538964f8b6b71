"""Work on shared tables that one process at a time does: partitions of the journal, migrations, re-encryption."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from keeper import soon, unguarded
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from chassis.data.database import Database, is_transient
from chassis.messaging import journal
from chassis.migrate import migrate
from chassis.testing.postgres import Postgres
from chassis.testing.simultaneous import WAITING, meet_at_lock

DAY = datetime(2026, 12, 30, tzinfo=UTC)


@pytest.fixture
def shared(database_of: Callable[[str, str], str]) -> Iterator[Database]:
    database = Database(database_of("pantry", "pantry_one_at_a_time"), name="one_at_a_time")
    yield database
    database.close()


def count(database: Database, what: str) -> int:
    with database.begin() as session:
        return session.scalar(text(f"SELECT count(*) FROM {what}")) or 0


@pytest.mark.parametrize("lock", [journal._LOCK, unguarded(text("SELECT 1"), "without the lock, both relays make the same partition")])
def test_relays_that_turn_the_page_together_make_it_once(shared: Database, monkeypatch: pytest.MonkeyPatch, lock: object) -> None:
    monkeypatch.setattr(journal, "_LOCK", lock)

    def turn() -> bool:
        while True:
            try:
                with shared.begin() as session:
                    journal.maintain_partitions(session, days_kept=3, at=DAY)
                return True
            except DBAPIError as error:
                if not is_transient(error):
                    return False

    assert meet_at_lock(shared, lambda session: journal.maintain_partitions(session, days_kept=3, at=DAY), [turn]) == [True]
    assert count(shared, "pg_inherits WHERE inhparent = 'journal'::regclass") == 3


def test_second_migration_waits_for_the_first(postgres: Postgres) -> None:
    postgres.drop("pantry_migrated")
    postgres.create("pantry_migrated")
    database = Database(postgres.url("pantry_migrated"), name="migrated")
    tables = "pg_tables WHERE schemaname = 'public'"
    with ThreadPoolExecutor(1) as threads:
        with database.begin() as first:
            first.execute(text("SELECT pg_advisory_xact_lock(hashtext('migrate'))"))
            second = threads.submit(migrate, postgres.url("pantry_migrated"), "pantry")
            assert soon(lambda: second.done() or count_waiting(database))
            assert (second.done(), count(database, tables)) == (False, 0)
        second.result()
    assert count(database, tables) > 8
    migrate(postgres.url("pantry_migrated"), "pantry")
    assert count(database, "pg_locks WHERE locktype = 'advisory'") == 0
    database.close()


def count_waiting(database: Database) -> int:
    with database.begin() as session:
        return session.scalar(WAITING) or 0
