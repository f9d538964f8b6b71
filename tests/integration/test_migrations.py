"""Migrations: each service's tables can be taken down and built again, and they are the tables its model describes."""

from collections.abc import Callable
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData, create_engine, text

from chassis.data.database import tables as chassis_tables
from chassis.migrate import migrate
from deploy.services import services

SHAPE = text(
    "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2"
)
INDEXES = text("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1")
OF_THE_CHASSIS = (
    "chassis.data.appointments", "chassis.data.client_ids", "chassis.data.ended_sessions", "chassis.data.idempotency_keys",
    "chassis.http.auth", "chassis.messaging.dead_letters", "chassis.messaging.inbox", "chassis.messaging.journal",
    "chassis.messaging.outbox",
)  # fmt: skip
SQL_ONLY = {
    "chassis": {"chassis_version", "queues"},
    "matching": {
        "accepted_needs", "audit_report", "balance", "balance_changes", "balance_days", "categories", "counted_needs", "fared",
        "first_matches", "group_days", "help_changes", "to_clear", "too_low",
    },
    "notify": {"code_messages"},
    "users": {"region_aliases"},
}  # fmt: skip
"""Tables that no model describes: SQL alone reads and writes them."""


@pytest.mark.parametrize("service", list(services()))
def test_tables_taken_down_and_built_again_are_the_same(database_of: Callable[[str, str], str], service: str) -> None:
    url = database_of(service, f"{service}_back_and_forth")
    before = shape_of(url)
    take_back(url, service)
    migrate(url, service)
    assert shape_of(url) == before


@pytest.mark.parametrize("service", list(services()))
def test_migrated_tables_are_those_of_the_model(database_of: Callable[[str, str], str], service: str) -> None:
    with create_engine(database_of(service, f"{service}_as_modelled")).connect() as connection:
        tables, columns = differences(connection, service)
    assert columns == []
    assert tables == SQL_ONLY["chassis"] | SQL_ONLY.get(service, set())


PLANTED = {
    "column only in SQL": "ALTER TABLE needs ADD planted uuid",
    "column only in the model": "ALTER TABLE needs DROP consent",
    "nullable": "ALTER TABLE needs ALTER urgency DROP NOT NULL",
    "length": "ALTER TABLE needs ALTER consent TYPE varchar(21)",
    "type": "ALTER TABLE households ALTER version TYPE integer",
    "collation": 'ALTER TABLE households ALTER region TYPE varchar(12) COLLATE "default"',
    "table of the chassis": "ALTER TABLE inbox ADD planted uuid",
    "table only in SQL": "CREATE TABLE planted (id uuid)",
    "table only in the model": "DROP TABLE pledges",
}


def test_a_planted_difference_is_seen(database_of: Callable[[str, str], str]) -> None:
    seen = {}
    with create_engine(database_of("needs", "needs_planted")).connect() as connection:
        for name, statement in PLANTED.items():
            connection.execute(text(statement))
            tables, columns = differences(connection, "needs")
            seen[name] = bool(columns) or tables != SQL_ONLY["chassis"]
            connection.rollback()
    assert seen == dict.fromkeys(PLANTED, True)


def differences(connection: Connection, service: str) -> tuple[set[str], list[Any]]:
    """The tables that only SQL knows, and all other differences between a migrated database and the models."""
    options = {"compare_type": is_other_type, "include_object": is_described}
    context = MigrationContext.configure(connection, opts=options)
    found = compare_metadata(context, [chassis_tables, metadata_of(service)])
    only_sql = {difference[1].name for difference in found if difference[0] == "remove_table"}
    return only_sql, [difference for difference in found if difference[0] != "remove_table"]


def metadata_of(service: str) -> MetaData:
    """The service's tables, after importing each of its `model.py` and all modules of the chassis that have tables."""
    for name in OF_THE_CHASSIS:
        import_module(name)
    root = Path(str(files(service)))
    found = [".".join([service, *path.relative_to(root).with_suffix("").parts]) for path in sorted(root.rglob("model.py"))]
    [metadata] = {import_module(name).Base.metadata for name in found}
    return metadata


def is_described(item: Any, name: str | None, kind: str, is_reflected: bool, compared_to: Any) -> bool:
    """Indexes and constraints that only SQL names are left out: the migrations alone decide about them."""
    return kind in {"table", "column"} or not is_reflected or compared_to is not None


def is_other_type(context: Any, inspected: Any, described: Any, inspected_type: Any, described_type: Any) -> bool | None:
    """A different collation is a difference, since code ranges need "C"; None leaves the rest to alembic."""
    of_database, of_model = (getattr(one, "collation", None) for one in (inspected_type, described_type))
    return True if of_database != of_model else None


def shape_of(url: str) -> list[Any]:
    with create_engine(url).connect() as connection:
        return [*connection.execute(SHAPE), *connection.execute(INDEXES)]


def take_back(url: str, service: str, revision: str = "base") -> None:
    config = Config()
    config.set_main_option("script_location", f"{service}:migrations")
    config.set_main_option("path_separator", "os")
    with create_engine(url).connect() as connection:
        config.attributes.update(connection=connection, version_table="alembic_version")
        command.downgrade(config, revision)


OF_A_PLEDGE = {
    "needs": (
        "INSERT INTO pledges (id, version, pledger_id, kind, category, unit, quantity, region, valid_until, withdrawn, offered_at,"
        " answered_version, released_version) SELECT gen_random_uuid(), 1, gen_random_uuid(), 'goods', 'food', 'kg', 5, code,"
        " now() + interval '1 day', false, now(), 0, 0 FROM unnest(ARRAY['', '510903', '510903001', '510903001002']) AS code"
    ),
    "matching": (
        "INSERT INTO pledges (id, version, pledger_id, category, unit, scope, quantity, rest, ended, valid_until, offered_at, releases,"
        " reliability, not_for) SELECT gen_random_uuid(), 1, gen_random_uuid(), 'food', 'kg', code, 5, 5, false, now() + interval '1 day',"
        " now(), 0, 3, ARRAY['510903001003', 'food.oil'] FROM unnest(ARRAY['', '510903', '510903001', '510903001002']) AS code"
    ),
}


@pytest.mark.parametrize(("service", "before", "column"), [("needs", "needs_0007", "region"), ("matching", "matching_0020", "scope")])
def test_pledges_to_villages_become_pledges_to_townships(
    database_of: Callable[[str, str], str], service: str, before: str, column: str
) -> None:
    url = database_of(service, f"{service}_of_villages")
    take_back(url, service, before)
    with create_engine(url).begin() as connection:
        connection.execute(text(OF_A_PLEDGE[service]))
    migrate(url, service)
    with create_engine(url).connect() as connection:
        scopes = connection.scalars(text(f"SELECT {column} FROM pledges ORDER BY 1")).all()
        assert scopes == ["", "510903", "510903001", "510903001"]
        if service == "matching":
            queued = "SELECT scope FROM pledges JOIN to_clear ON to_clear.id = pledges.id AND side = 'pledge'"
            assert connection.scalars(text(queued)).all() == ["510903001"]
        else:
            assert connection.scalar(text("SELECT count(*) FROM pledge_listings WHERE region = '510903001' AND category = 'food'")) == 2


def test_rules_about_villages_are_withdrawn(database_of: Callable[[str, str], str]) -> None:
    url = database_of("matching", "matching_of_rules")
    take_back(url, "matching", "matching_0020")
    with create_engine(url).begin() as connection:
        connection.execute(text(OF_A_PLEDGE["matching"]))
        connection.execute(
            text(
                "INSERT INTO matches (id, version, need_id, pledge_id, household_id, poster_id, pledger_id, region, category, unit,"
                " quantity, state, reasons, barred, proposed_at, answer_by)"
                " SELECT id, 2, id, id, id, id, pledger_id, '510903001003', 'food.oil', 'kg',"
                " 1, 'refused', '[]', true, now(), now() FROM pledges WHERE scope = '510903001'"
            )
        )
        connection.execute(text("ALTER TABLE lessons DROP CONSTRAINT lessons_match_id"))
        for reason, region, category in (("too_far", "510903001003", ""), ("does_not_fit", "", "food.oil")):
            connection.execute(
                text(
                    "INSERT INTO lessons (id, version, pledge_id, pledger_id, match_id, reason, region, category, learnt_at)"
                    " SELECT gen_random_uuid(), 1, id, pledger_id, id, :reason, :region, :category, now() FROM pledges"
                    " WHERE scope = '510903001'"
                ),
                {"reason": reason, "region": region, "category": category},
            )
    migrate(url, "matching")
    with create_engine(url).connect() as connection:
        rules = connection.execute(text("SELECT reason, region, version, forgotten_at IS NULL FROM lessons ORDER BY 1")).all()
        assert [tuple(rule) for rule in rules] == [("does_not_fit", "", 1, True), ("too_far", "510903001", 2, False)]
        assert connection.scalar(text("SELECT not_for FROM pledges WHERE id IN (SELECT pledge_id FROM lessons)")) == ["food.oil"]
