"""Pages of a list: their bounds, their cursors, their schema."""

from collections.abc import Callable, Iterator
from re import fullmatch
from uuid import UUID

import pytest
from marshmallow import ValidationError
from pantry.api import WithdrawalOut
from pantry.model import Withdrawal
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from chassis.data.database import new_id
from chassis.http.pagination import PageIn, page, page_of
from chassis.problems import invalid
from chassis.testing.fixtures import RolledBack


@pytest.fixture
def session(database_of: Callable[[str, str], str]) -> Iterator[Session]:
    database = RolledBack(database_of("pantry", "pantry_pages"), name="tests")
    with database.trial(), database.begin() as session:
        yield session
    database.close()


def fill(session: Session, count: int) -> list[Withdrawal]:
    """Add withdrawals; return them, newest first."""
    rows = [Withdrawal(id=new_id(), region="51", asked_by=new_id()) for _ in range(count)]
    session.add_all(rows)
    session.flush()
    return rows[::-1]


def test_a_full_page_without_further_rows_names_no_next(session: Session) -> None:
    rows = fill(session, 3)
    assert page(session, select(Withdrawal), Withdrawal.id, limit=3) == {"items": rows, "next": None}


def test_new_rows_shift_nothing_on_the_next_page(session: Session) -> None:
    rows = fill(session, 5)
    first = page(session, select(Withdrawal), Withdrawal.id, limit=2)
    fill(session, 2)
    second = page(session, select(Withdrawal), Withdrawal.id, cursor=first["next"], limit=2)
    third = page(session, select(Withdrawal), Withdrawal.id, cursor=second["next"], limit=2)
    assert [first["items"], second["items"], third["items"]] == [rows[:2], rows[2:4], rows[4:]]
    assert third["next"] is None


def test_a_page_has_twenty_rows_unless_asked_otherwise(session: Session) -> None:
    rows = fill(session, 21)
    found = page(session, select(Withdrawal), Withdrawal.id)
    assert found["items"] == rows[:20]
    assert found["next"]


def test_a_page_reads_one_row_more_than_it_gives(session: Session) -> None:
    fill(session, 9)
    session.expunge_all()
    read: list[object] = []
    event.listen(Withdrawal, "load", note := lambda row, _: read.append(row))
    page(session, select(Withdrawal), Withdrawal.id, limit=2)
    event.remove(Withdrawal, "load", note)
    assert len(read) == 3


@pytest.mark.parametrize("filling", [b"\x00", b"\xfb", b"\xff"])
def test_a_cursor_needs_no_encoding_in_an_address(session: Session, filling: bytes) -> None:
    session.add_all([Withdrawal(id=UUID(bytes=filling * 15 + last), region="51", asked_by=new_id()) for last in (b"\x01", b"\x02")])
    first = page(session, select(Withdrawal), Withdrawal.id, limit=1)
    second = page(session, select(Withdrawal), Withdrawal.id, cursor=first["next"], limit=1)
    assert fullmatch(r"[\w-]{22}", first["next"])
    assert [one.id.bytes[-1] for one in (*first["items"], *second["items"])] == [2, 1]


@pytest.mark.parametrize("cursor", ["x", "AAAA", "*" * 22, "A" * 23, "****" + "A" * 22])
def test_a_malformed_cursor_is_refused_with_its_place(session: Session, cursor: str) -> None:
    with pytest.raises(invalid) as refused:
        page(session, select(Withdrawal), Withdrawal.id, cursor=cursor)
    assert refused.value.errors == [{"pointer": "#query/cursor", "code": "wrong"}]


@pytest.mark.parametrize("asked", [{"limit": "1"}, {"limit": "100"}, {"cursor": "A" * 100}])
def test_parameters_up_to_their_bounds_are_read(asked: dict[str, str]) -> None:
    assert PageIn().load(asked) == {"limit": 20} | {name: int(value) if name == "limit" else value for name, value in asked.items()}


@pytest.mark.parametrize("asked", [{"limit": "0"}, {"limit": "101"}, {"cursor": "A" * 101}])
def test_parameters_beyond_their_bounds_are_refused(asked: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        PageIn().load(asked)


def test_a_page_needs_both_fields_and_may_have_no_next() -> None:
    schema = page_of(WithdrawalOut)
    assert schema.__name__ == "WithdrawalPage"
    assert {name: (field.required, field.allow_none) for name, field in schema().fields.items()} == {
        "items": (True, False),
        "next": (True, True),
    }
