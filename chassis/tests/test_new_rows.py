"""Many new rows by COPY: encrypted, readable as mapped rows, all or none; many events and audit entries at once."""

from typing import Any
from uuid import UUID

import pytest
from cryptography.fernet import InvalidToken
from msgspec import Struct, json
from pantry.model import Taken, Withdrawal
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from chassis.data import audit_log
from chassis.data.audit_log import OPERATOR, AuditEntry, Entry
from chassis.data.bulk_sql import copy_rows
from chassis.data.database import is_transient, new_id
from chassis.data.encryption import open_values, plain_rows
from chassis.data.new_rows import insert_rows, new_row
from chassis.messaging import outbox
from chassis.testing.fixtures import RolledBack, database_fixtures
from contracts.event import Event
from contracts.generate import example_of
from contracts.needs import NeedPublished

engine, database = database_fixtures("pantry")
TEXTS = ["王秀英", None, 'a\tb\nc\\d"e', ""]


def withdrawals(*reasons: str | None, **more: Any) -> list[Any]:
    return [new_row(Withdrawal, **{"id": new_id(), "region": "51", "asked_by": new_id(), "reason": reason} | more) for reason in reasons]


def test_rows_are_encrypted_and_read_as_mapped_ones(database: RolledBack) -> None:
    with database.begin() as session:
        insert_rows(session, Withdrawal, withdrawals(*TEXTS))
    with database.begin() as session:
        assert [row.reason for row in session.scalars(select(Withdrawal).order_by(Withdrawal.id))] == TEXTS
        kept = [bytes(one) for one in session.scalars(text("SELECT reason FROM withdrawals WHERE reason IS NOT NULL"))]
    assert not any("王".encode() in one for one in kept)


def test_plain_rows_hold_what_mapped_ones_do(database: RolledBack) -> None:
    with database.begin() as session:
        insert_rows(session, Withdrawal, withdrawals(*TEXTS))
    with database.begin() as session:
        mapped = [(row.id, row.region, row.reason) for row in session.scalars(select(Withdrawal).order_by(Withdrawal.id))]
        rows = session.execute(text("SELECT id, region, reason, 7 AS more FROM withdrawals ORDER BY id")).all()
        assert [(row.id, row.region, row.reason) for row in plain_rows(Withdrawal, rows)] == mapped
        assert {row.more for row in plain_rows(Withdrawal, rows)} == {7}


def test_plain_row_with_a_value_of_another_is_refused(database: RolledBack) -> None:
    with database.begin() as session:
        insert_rows(session, Withdrawal, withdrawals("王秀英", "李四"))
        rows = session.execute(text("SELECT id, lead(reason) OVER (ORDER BY id) AS reason FROM withdrawals")).all()
        with pytest.raises(InvalidToken):
            plain_rows(Withdrawal, rows)


class Plain(Struct):
    """A row as it comes in JSON."""

    id: UUID
    reason: str | None


def read_plain(session: Session, reason: str) -> list[Plain]:
    rows = f"SELECT id, {reason} AS reason FROM withdrawals ORDER BY id"
    return json.decode(session.scalars(text(f"SELECT CAST(json_agg(one) AS text) FROM ({rows}) AS one")).one(), type=list[Plain])


def test_rows_of_json_hold_what_mapped_ones_do(database: RolledBack) -> None:
    with database.begin() as session:
        insert_rows(session, Withdrawal, withdrawals(*TEXTS))
    with database.begin() as session:
        mapped = [(row.id, row.reason) for row in session.scalars(select(Withdrawal).order_by(Withdrawal.id))]
        rows = read_plain(session, "reason")
        assert "王秀英" not in str(rows)
        open_values(Withdrawal, rows, ["reason"])
        assert [(row.id, row.reason) for row in rows] == mapped


def test_row_of_json_with_a_value_of_another_is_refused(database: RolledBack) -> None:
    with database.begin() as session:
        insert_rows(session, Withdrawal, withdrawals("王秀英", "李四"))
        with pytest.raises(InvalidToken):
            open_values(Withdrawal, read_plain(session, "lead(reason) OVER (ORDER BY id)"), ["reason"])


def test_no_rows_need_no_statement(database: RolledBack) -> None:
    with database.begin() as session:
        insert_rows(session, Withdrawal, [])
        assert session.scalars(select(Withdrawal)).all() == []


def test_row_that_exists_raises_as_a_flush_does(database: RolledBack) -> None:
    twice = new_id()
    with pytest.raises(IntegrityError) as caught, database.begin() as session:
        insert_rows(session, Withdrawal, withdrawals("a", "b", id=twice))
    assert caught.value.orig.diag.constraint_name == "withdrawals_pkey"  # type: ignore[union-attr]
    assert not is_transient(caught.value)
    with database.begin() as session:
        assert session.scalars(select(Withdrawal)).all() == []


def test_pending_rows_are_written_before(database: RolledBack) -> None:
    with database.begin() as session:
        session.add(Taken(name="a", subject=new_id()))
        copy_rows(session, "taken", ["name", "subject", "taken_at"], [("b", new_id(), "2026-01-31")])
        assert list(session.scalars(select(Taken.name).order_by(Taken.number))) == ["a", "b"]


@pytest.mark.parametrize("count", [outbox.MANY - 1, outbox.MANY])
def test_events_are_the_same_in_either_statement(database: RolledBack, count: int) -> None:
    events: list[Event] = [example_of(NeedPublished) for _ in range(count)]
    with database.begin() as session:
        outbox.continue_trace(session, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        outbox.add(session, *events)
    with database.begin() as session:
        assert outbox.pending(session) == events
        rows = session.execute(select(outbox.outbox)).all()
    assert {(row.name, row.teller, row.queue, row.version) for row in rows} == {("need_published", "needs", "", events[0].version)}
    assert len({row.traceparent for row in rows}) == 1
    assert rows[0].traceparent


@pytest.mark.parametrize("count", [audit_log.MANY - 1, audit_log.MANY])
def test_entries_are_the_same_in_either_statement(database: RolledBack, count: int) -> None:
    ids = [new_id() for _ in range(count)]
    with database.begin() as session:
        entries = (Entry(act="get_card", subject="card", subject_id=one, region="51", details={"of": one, "rows": 3}) for one in ids)
        audit_log.record(session, OPERATOR, *entries)
    with database.begin() as session:
        found = session.scalars(select(AuditEntry).where(AuditEntry.subject_id.in_(ids)).order_by(AuditEntry.id)).all()
    assert [(one.subject_id, one.details, one.outcome, one.person_id) for one in found] == [
        (one, {"of": str(one), "rows": 3}, "done", None) for one in ids
    ]
    assert all(one.at for one in found)
