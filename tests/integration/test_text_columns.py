"""Every column that can hold text is judged: what is about people is encrypted, and an erasure empties it."""

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from chassis.data.encryption import encrypted_models
from deploy.services import services

TABLE = tomllib.loads(Path(__file__).with_name("text_columns.toml").read_text("utf-8"))
VERDICTS = {"code", "erased", "fingerprint", "hash", "facts", "public", "office"}
COLUMNS = text(
    "SELECT c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
    " JOIN pg_type t ON t.oid = a.atttypid WHERE n.nspname IN ('public', 'audit') AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
    " AND a.attnum > 0 AND NOT a.attisdropped"
    " AND (t.typname IN ('text', 'varchar', 'bpchar', 'bytea', 'json', 'jsonb') OR t.typcategory = 'A')"
)


def columns_of(url: str) -> set[tuple[str, str]]:
    """Return each column of a database that can hold text, by table and name."""
    engine = create_engine(url)
    with engine.connect() as connection:
        found = {(table, column) for table, column in connection.execute(COLUMNS)}
    engine.dispose()
    return found


def verdict_of(service: str, table: str, column: str) -> str | None:
    """Return the verdict on a column; that of the service or the chassis first, then the one on all columns of this name."""
    named = f"{table}.{column}"
    found: str | None = TABLE.get(service, {}).get(named) or TABLE["chassis"].get(named) or TABLE["everywhere"].get(column)
    return found


def unjudged(service: str, found: set[tuple[str, str]]) -> list[str]:
    """List columns without a verdict, and those that are encrypted and not `erased`, or the other way round."""
    encrypted = {(model.table.name, column.name) for model in encrypted_models(service) for column in model.columns.values()}
    wrong = [f"{table}.{column}" for table, column in found if verdict_of(service, table, column) not in VERDICTS]
    wrong += [
        f"{table}.{column}" for table, column in found if (verdict_of(service, table, column) == "erased") != ((table, column) in encrypted)
    ]
    return sorted(wrong)


@pytest.mark.parametrize("service", services())
def test_every_text_column_is_judged(database_of: Callable[[str, str], str], service: str) -> None:
    found = columns_of(database_of(service, f"{service}_judged"))
    assert len(found) > 5
    assert unjudged(service, found) == []
    assert {f"{table}.{column}" for table, column in found} >= TABLE.get(service, {}).keys()


@pytest.mark.parametrize("column", [("needs", "hint"), ("complaints", "words")])
def test_new_text_column_would_be_noticed(column: tuple[str, str]) -> None:
    assert unjudged("needs", {column}) == [".".join(column)]
