"""A table's rows, written by the thousand, are the same as what is registered one by one; their values are valid by the same rules."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marshmallow import ValidationError
from msgspec.structs import asdict
from sqlalchemy import select, text
from stdnum.cn import ric

from chassis.data.personal_keys import personal_keys
from chassis.http.fields import Text
from chassis.imports import work
from chassis.testing.fixtures import Client, Person, RolledBack, assert_retold
from users import personal
from users.households.api import HouseholdIn
from users.households.model import Household, HouseholdVersion
from users.imports import operators
from users.snapshots import SNAPSHOTS

from .conftest import VILLAGE, household, national_id, pending, phone
from .test_imports import imported, outcomes, row, table

COUNT = 60
"""Rows that make every table be written by COPY."""
OF_EACH = {"id", "national_id", "national_id_fingerprint", "registered_at", "household_id", "changed_at", "act"}


def columns_of(row: Any) -> dict[str, Any]:
    return {key: getattr(row, key) for key in row.__mapper__.columns.keys() if key not in OF_EACH}  # noqa: SIM118


def written(database: RolledBack) -> tuple[list[Household], list[HouseholdVersion]]:
    with database.begin() as session:
        households = session.scalars(select(Household).order_by(Household.id)).all()
        versions = session.scalars(select(HouseholdVersion).order_by(HouseholdVersion.household_id)).all()
        for one in households:
            assert one.name
        return list(households), list(versions)


def test_imported_households_are_those_registered_one_by_one(client: Client, database: RolledBack, village: Person) -> None:
    number = phone()
    wanted = household(name="卫𠮷", phone=number, address="三组12号", size=3)
    assert client.post("/v1/households", wanted, by=village).status_code == 201
    content = table(*(row("卫𠮷", telephone=number, size="3", address="三组12号") for _ in range(COUNT)))
    assert outcomes(imported(client, database, village, content)["written"]) == {"new": COUNT}
    [one, *others], [version, *versions] = written(database)
    assert len(others) == len(versions) == COUNT
    assert all(columns_of(other) == columns_of(one) for other in others)
    assert all(columns_of(other) == columns_of(version) for other in versions)
    first, *events = ({**asdict(event), "household_id": None, "registered_at": None} for event in pending(database))
    assert events == [first] * COUNT
    assert_retold(database, SNAPSHOTS)


def test_imported_values_are_bound_to_their_rows_and_people(client: Client, database: RolledBack, village: Person) -> None:
    imported(client, database, village, table(*(row() for _ in range(COUNT))))
    rows = database.found(text("SELECT id, name, national_id FROM households"))
    assert all(bytes(value)[1:17] == one.id.bytes for one in rows for value in one[1:])
    keys = personal_keys("users")
    keys._cached._kept.clear()
    assert len(set(keys.fetch([one.id for one in rows]).values())) == COUNT


def test_many_accounts_are_written_and_republished(client: Client, database: RolledBack, town: Person) -> None:
    lines = [["志愿者" if at % 2 else "帮扶干部", phone(), "冯知微"] for at in range(COUNT)]
    content = table(*lines, headings=["类型", "手机号", "姓名"])
    done = imported(client, database, town, content, kind="accounts", region=VILLAGE[:9])
    assert outcomes(done["written"]) == {"new": COUNT}
    assert len(assert_retold(database, SNAPSHOTS)) == COUNT


def test_batch_of_an_operator_is_written_and_republished(database: RolledBack) -> None:
    reader = operators.ListReader()
    lines = [
        operators.ListReader.read(
            reader,
            operators.Row(at, {"kind": "household", "name": "冯知微", "national_id": national_id(), "region": VILLAGE}, []),
        )
        for at in range(COUNT)
    ]
    with operators_pool() as hashing:
        operators.import_batch(database, lines, hashing)
        operators.import_batch(database, lines, hashing)
    assert {line.outcome for line in lines} == {"refused"}
    assert {type(line.household_id) for line in lines} == {UUID}
    assert len(assert_retold(database, SNAPSHOTS)) == COUNT


def operators_pool() -> Any:
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(1)


TEXTS = {name: field for name, field in HouseholdIn().fields.items() if isinstance(field, Text)}
typed = st.text(st.sampled_from("0123456789xX-+ ()·.欧阳守田aA\u3000１①\n\t"), max_size=20) | st.sampled_from(
    ["13800001234", "+8613800001234", "0825-2661234", "51092219480312001X", "欧阳守田", "三组12号", "", "a" * 101, "卫𠮷", "古丽·买买提"]
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(TEXTS)), typed)
def test_found_value_is_what_the_field_loads(name: str, text: str) -> None:
    try:
        loaded = TEXTS[name].deserialize(text)
    except ValidationError:
        loaded = None
    assert TEXTS[name].find_value(text) == loaded


@pytest.mark.parametrize("born", ["19480230", "19481301", "18791231", "20990101", "19480312", "20000229"])
def test_day_of_birth_of_a_number_is_one_that_was(born: str) -> None:
    digits = f"510922{born}001"
    number = digits + str(ric.calc_check_digit(digits + "0"))
    if born in {"19480312", "20000229"}:
        assert personal.parse_national_id(number) == number
    else:
        with pytest.raises(ValueError, match="not a national id"):
            personal.parse_national_id(number)


def test_reading_ahead_passes_batches_and_errors_on() -> None:
    def batches() -> Any:
        yield [1, 2]
        yield []
        raise ZeroDivisionError

    read = work._one_ahead(batches())
    assert [next(read), next(read)] == [[1, 2], []]
    with pytest.raises(ZeroDivisionError):
        list(read)
