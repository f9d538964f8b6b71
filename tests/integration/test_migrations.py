"""The tables of every service can be taken away step by step and come back the same."""

from collections.abc import Callable
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text

from chassis.migrate import migrate
from deploy.services import services

SHAPE = text(
    "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2"
)
INDEXES = text("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1")


@pytest.mark.parametrize("service", list(services()))
def test_migrations_go_back_and_come_again_to_the_same_tables(database_of: Callable[[str, str], str], service: str) -> None:
    url = database_of(service, f"{service}_back_and_forth")
    before = shape_of(url)
    take_back(url, service)
    migrate(url, service)
    assert shape_of(url) == before


def shape_of(url: str) -> list[Any]:
    with create_engine(url).connect() as connection:
        return [*connection.execute(SHAPE), *connection.execute(INDEXES)]


def take_back(url: str, service: str) -> None:
    config = Config()
    config.set_main_option("script_location", f"{service}:migrations")
    config.set_main_option("path_separator", "os")
    with create_engine(url).connect() as connection:
        config.attributes.update(connection=connection, version_table="alembic_version")
        command.downgrade(config, "base")
