"""Databases as a release before left them: its tables, and the rows that its own code wrote."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text

from chassis.data import encryption

TIMES = text(
    "SELECT table_name, string_agg(format('%1$I = %1$I + \\:gone', column_name), ', ') FROM information_schema.columns"
    " JOIN information_schema.tables USING (table_schema, table_name)"
    " WHERE table_schema = 'public' AND data_type = 'timestamp with time zone' AND table_type = 'BASE TABLE' GROUP BY table_name"
)
COUNTED = text("SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' AND is_identity = 'YES'")
OF_BEFORE = re.compile(rb"\\\\x(674141[0-9a-f]+)")
"""The values that the release before encrypted: Fernet's tokens, in hex."""


def restore(url: str, service: str, folder: Path, facts: Mapping[str, Any]) -> None:
    """Build the tables of the release before, and copy its rows as if they had been written just now."""
    gone = datetime.now(UTC) - datetime.fromisoformat(facts["written_at"])
    with create_engine(url).connect() as connection:
        for package, table, revision in zip(
            ("chassis", service), ("chassis_version", "alembic_version"), facts["revisions"][service], strict=True
        ):
            config = Config()
            config.set_main_option("script_location", f"{package}:migrations")
            config.set_main_option("path_separator", "os")
            config.attributes.update(connection=connection, version_table=table)
            command.upgrade(config, revision)
        cursor: Any = connection.connection.cursor()
        cursor.execute("SET session_replication_role = replica")
        for statement, rows in re.findall(
            r"(COPY [^\n]* FROM STDIN)\n(.*?)^\\\.\n", (folder / f"{service}.sql").read_text("utf-8"), re.S | re.M
        ):
            table = statement.split()[1]
            cursor.execute(f"DELETE FROM {table}")
            with cursor.copy(statement) as copy:
                copy.write(rows)
        for table, column in connection.execute(COUNTED).all():
            connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', '{column}'), (SELECT count(*) + 1000 FROM {table}))"))
        for table, later in connection.execute(TIMES):
            connection.execute(text(f"UPDATE {table} SET {later}"), {"gone": gone})
        connection.commit()


def forget_keys() -> None:
    """Read the keys of encryption and fingerprints from the environment again."""
    encryption._settings.cache_clear()
    encryption._fingerprint_key.cache_clear()
