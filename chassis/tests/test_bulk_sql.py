"""Arrays for bulk SQL round-trip through PostgreSQL."""

from collections.abc import Callable
from datetime import timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from chassis.data.bulk_sql import copy_plain_rows, copy_rows, encode_array
from chassis.data.database import new_id, now


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (
            "text",
            ["", "510903", "米", 'a "quoted" one', "back\\slash", "{a,b}", "NULL", "null", " blank ", "two\nlines", "\t\x01\x7f", None],
        ),
        ("text", ["510903", "米", "{a,b}", "NULL", "null", " blank ", "", "a/b", None]),
        ("uuid", [new_id(), new_id()]),
        ("bigint", [0, -1, 2**62]),
        ("text", []),
    ],
)
def test_an_array_comes_back_as_it_was_written(database_of: Callable[[str, str], str], kind: str, values: list[Any]) -> None:
    with create_engine(database_of("pantry", "pantry_rows")).connect() as connection:
        assert connection.scalar(text(f"SELECT CAST(:values AS {kind}[])"), {"values": encode_array(values)}) == values


def test_plain_rows_are_written_as_the_driver_writes_them(database_of: Callable[[str, str], str]) -> None:
    columns = ("id", "count", "at", "code")
    rows = [
        (new_id(), 2**62, now(), "same_text"),
        (new_id(), -1, now().astimezone(timezone(timedelta(hours=8))), "米"),
        (new_id(), 0, now(), ""),
    ]
    with Session(create_engine(database_of("pantry", "pantry_rows"))) as session:
        for table, write in (("one", copy_rows), ("other", copy_plain_rows)):
            session.execute(text(f"CREATE TEMPORARY TABLE {table} (id uuid, count bigint, at timestamptz, code text)"))
            write(session, table, columns, rows)
        found, other = (session.execute(text(f"SELECT * FROM {table} ORDER BY id")).all() for table in ("one", "other"))
    assert [tuple(row) for row in found] == sorted(rows)
    assert found == other


def test_plain_row_that_the_table_refuses_raises_an_error_of_sqlalchemy(database_of: Callable[[str, str], str]) -> None:
    with Session(create_engine(database_of("pantry", "pantry_rows"))) as session:
        session.execute(text("CREATE TEMPORARY TABLE one (count smallint)"))
        with pytest.raises(DBAPIError, match="out of range"):
            copy_plain_rows(session, "one", ("count",), [(2**20,)])
