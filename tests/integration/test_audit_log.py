"""No service can change its audit log: its role may add entries and read them, and nothing else."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg
import pytest
from sqlalchemy import text

from chassis.data import audit_log
from chassis.data.audit_log import OPERATOR, Entry
from chassis.data.database import Database
from chassis.environment import SettingsError
from chassis.migrate import migrate
from chassis.testing.postgres import Postgres, audit_role
from chassis.testing.templates import create_and_migrate
from chassis.testing.twins import unguarded
from deploy.services import services

CHANGES = {
    "update": "UPDATE audit.entries SET act = 'another'",
    "delete": "DELETE FROM audit.entries",
    "truncate": "TRUNCATE audit.entries",
    "backdate": "INSERT INTO audit.entries (id, at) VALUES (gen_random_uuid(), '2020-01-01')",
    "drop the table": "DROP TABLE audit.entries",
    "drop the schema": "DROP SCHEMA audit CASCADE",
    "rename the schema": "ALTER SCHEMA audit RENAME TO former",
    "add a column": "ALTER TABLE audit.entries ADD more text",
    "disable triggers": "ALTER TABLE audit.entries DISABLE TRIGGER ALL",
    "drop an index": "DROP INDEX audit.entries_person",
    "grant": "GRANT ALL ON audit.entries TO PUBLIC; DELETE FROM audit.entries",
    "add a table": "CREATE TABLE audit.more (id uuid)",
    "add a rule": "CREATE RULE nothing AS ON INSERT TO audit.entries DO INSTEAD NOTHING",
    "become the owner": "SET ROLE {service}_audit",
    "drop what the owner owns": "DROP OWNED BY {service}_audit",
    "take what the owner owns": "REASSIGN OWNED BY {service}_audit TO {service}",
    "change the version": "DELETE FROM audit.version",
    "change the database": "ALTER DATABASE {database} SET default_transaction_read_only = on",
}


@dataclass
class Log:
    """A service's database with an entry in its audit log."""

    service: str
    server: Postgres
    name: str
    url: str

    def attempt(self, statement: str, url: str | None = None) -> bool:
        """Tell whether the statement is allowed, whatever becomes of it; undo it."""
        with psycopg.connect((url or self.url).replace("+psycopg", ""), application_name="attempt") as connection:
            try:
                connection.execute(statement.format(service=self.service, database=self.name))
            except psycopg.errors.InsufficientPrivilege:
                return False
            except psycopg.Error:
                return True
            finally:
                connection.rollback()
        return True


@pytest.fixture(scope="module")
def log_of(postgres: Postgres, database_of: Callable[[str, str], str]) -> Iterator[Callable[[str], Log]]:
    made: dict[str, Log] = {}

    def make(service: str) -> Log:
        if service not in made:
            name = f"{service}_audited"
            made[service] = Log(service, postgres, name, database_of(service, name))
            database = Database(made[service].url, name="tests")
            with database.begin() as session:
                audit_log.record(session, OPERATOR, Entry(act="appoint_first", subject="account", region="51"))
            database.close()
        return made[service]

    yield make
    for log in made.values():
        postgres.drop(log.name)


@pytest.mark.parametrize("is_service_s_own", [True, unguarded(False, "the owner of the log may do all of this")])
@pytest.mark.parametrize("service", services())
def test_service_s_role_cannot_change_its_audit_log(log_of: Callable[[str], Log], service: str, is_service_s_own: bool) -> None:
    log = log_of(service)
    url = log.url if is_service_s_own else log.server.url(log.name)
    assert [change for change, statement in CHANGES.items() if log.attempt(statement, url)] == []
    assert log.attempt("SELECT act FROM audit.entries")


@pytest.mark.parametrize("service", services())
def test_service_s_role_cannot_drop_its_database(log_of: Callable[[str], Log], service: str) -> None:
    log = log_of(service)
    with psycopg.connect(log.server.url("postgres", service).replace("+psycopg", ""), autocommit=True) as connection:
        for statement in (f"DROP DATABASE {log.name} WITH (FORCE)", f"ALTER DATABASE {log.name} RENAME TO gone"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_migration_refuses_a_role_that_could_change_the_log(postgres: Postgres) -> None:
    postgres.create_for("notify", "notify_unsafe")
    owner = postgres.url("notify_unsafe", audit_role("notify"))
    for url in (postgres.url("notify_unsafe"), owner):
        with pytest.raises(SettingsError, match="NOTIFY_AUDIT_DATABASE_URL protects nothing from"):
            migrate(url, "notify", owner)
    postgres.drop("notify_unsafe")


def test_migration_refuses_a_schema_of_the_service(postgres: Postgres) -> None:
    postgres.create_for("notify", "notify_taken")
    owner = postgres.url("notify_taken", audit_role("notify"))
    with psycopg.connect(postgres.url("notify_taken").replace("+psycopg", "")) as connection:
        connection.execute("CREATE SCHEMA audit AUTHORIZATION notify")
    with pytest.raises(SettingsError, match="does not own the schema"):
        migrate(postgres.url("notify_taken", "notify"), "notify", owner)
    postgres.drop("notify_taken")


def test_house_of_before_gets_roles_and_keeps_its_rows(postgres: Postgres) -> None:
    """Services of before ran as the superuser, who owned databases and tables."""
    postgres.drop("needs_of_before")
    postgres.create("needs_of_before")
    migrate(postgres.url("needs_of_before"), "needs")
    with psycopg.connect(postgres.url("needs_of_before").replace("+psycopg", "")) as connection:
        connection.execute("INSERT INTO households (id, version, region) VALUES (gen_random_uuid(), 1, '510903001001')")
    for _ in range(2):
        url = create_and_migrate(postgres, "needs", "needs_of_before")
    database = Database(url, name="tests")
    with database.begin() as session:
        assert session.scalar(text("UPDATE households SET version = 2 RETURNING version")) == 2
        audit_log.record(session, OPERATOR, Entry(act="appoint_first", subject="account"))
        assert session.scalar(text("SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tableowner <> 'needs'")) == 0
    database.close()
    postgres.drop("needs_of_before")
