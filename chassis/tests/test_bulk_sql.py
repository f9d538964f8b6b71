"""Arrays for bulk SQL round-trip through PostgreSQL."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from chassis.data.bulk_sql import encode_array
from chassis.data.database import new_id


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
