"""The outbox: events written in the transaction that changes the rows, published by the relay, then kept in the journal."""

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from operator import itemgetter
from typing import Any, NamedTuple, get_type_hints
from uuid import UUID

import msgspec
from sqlalchemy import BigInteger, Column, Row, String, Table, Text, Uuid, func, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.event import listens_for
from sqlalchemy.orm import Session, SessionTransaction
from sqlalchemy.schema import SchemaItem

from chassis.data.bulk_sql import copy_rows
from chassis.data.database import Moment, new_id, now, tables
from chassis.ops import tracing
from contracts.event import Envelope, Event, decode, encode, every_event, name_of, producer_of, subject_field


def _event_table(name: str, *more: SchemaItem, **options: Any) -> Table:
    return Table(
        name,
        tables,
        Column("id", Uuid, primary_key=True),
        Column("name", String(100), nullable=False),
        Column("teller", String(50), nullable=False),
        Column("subject", Uuid, nullable=False),
        Column("version", BigInteger, nullable=False),
        Column("recorded_at", Moment, nullable=False),
        Column("traceparent", String(100)),
        Column("body", Text, nullable=False),
        *more,
        **options,
    )


outbox = _event_table("outbox", Column("queue", String(200), primary_key=True, server_default=""))
journal = _event_table("journal", Column("told_at", Moment, primary_key=True), postgresql_partition_by="RANGE (told_at)")

_NOTIFY = func.pg_notify("outbox", "")
INSERT = """INSERT INTO outbox (id, name, teller, subject, version, recorded_at, traceparent, body)
    SELECT * FROM json_to_recordset(%(pending)s) AS pending
    (id uuid, name text, teller text, subject uuid, version bigint, recorded_at timestamptz, traceparent text, body text)
    RETURNING pg_notify('outbox', '')"""
"""Run by the driver itself, at half the cost of SQLAlchemy: nearly every transaction ends with it."""
MANY = 50
"""From so many events on, COPY and a statement for the notice take less than `INSERT`."""
_COLUMNS = ("id", "name", "teller", "subject", "version", "recorded_at", "traceparent", "body")


def add(session: Session, *events: Event) -> None:
    """Publish these events if the session's transaction commits. They are written in one statement right before the commit."""
    recorded_at, own, has_causes = now(), session.info.get("traceparent"), bool(session.info.get("causes"))
    rows = []
    for event in events:
        kind = _kind_of(type(event))
        rows.append(
            {
                "id": new_id(),
                "name": kind.name,
                "teller": kind.producer,
                "subject": getattr(event, kind.subject),
                "version": event.version,
                "recorded_at": recorded_at,
                "traceparent": trace_of(session, *(getattr(event, field) for field in kind.ids)) if has_causes else own,
                "body": encode(event).decode(),
            }
        )
    if not session.in_transaction():
        session.begin()
    if session.in_nested_transaction():
        # A rollback of the savepoint must remove the events too.
        _write(session, rows)
    else:
        session.info.setdefault("unwritten", []).extend(rows)


def pop_unwritten(session: Session) -> list[dict[str, object]]:
    """Remove and return the rows that this session added and has not written yet."""
    return session.info.pop("unwritten", [])  # type: ignore[no-any-return]


def insert_parameters(rows: Sequence[Mapping[str, object]]) -> dict[str, str]:
    """Return the parameters of `INSERT` for these rows."""
    return {"pending": msgspec.json.encode(rows).decode()}


@listens_for(Session, "before_commit")
def write(session: Session) -> None:
    """Flush the session, and write the events that it added so far. SQLAlchemy calls this before each commit."""
    session.flush()
    _write(session, pop_unwritten(session))


@listens_for(Session, "after_soft_rollback")
def _discard_unwritten(session: Session, ended: SessionTransaction) -> None:
    if not ended.nested:
        pop_unwritten(session)


def _write(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    if len(rows) >= MANY:
        copy_rows(session, outbox.name, _COLUMNS, map(itemgetter(*_COLUMNS), rows))
        session.execute(select(_NOTIFY))
    elif rows:
        session.connection().exec_driver_sql(INSERT, insert_parameters(rows))


def add_for_queue(session: Session, queue: str, envelope: Envelope, version: int, body: str) -> None:
    """Send one event again, to one queue alone, if the transaction commits. It does not enter the journal a second time."""
    stated = {name: getattr(envelope, name) for name in ("id", "name", "subject", "recorded_at", "traceparent")}
    row = upsert(outbox).values(**stated, teller=envelope.producer, version=version, body=body, queue=queue)
    session.execute(row.on_conflict_do_nothing().returning(_NOTIFY))


def continue_trace(session: Session, traceparent: str | None, causes: Mapping[UUID, str] | None = None) -> None:
    """Let the events of this session belong to the given W3C trace context, or to a new one when that is invalid.

    Events that mention a key of `causes`, ids of things, belong to the trace of that thing.
    """
    session.info["traceparent"] = tracing.continue_or_start(traceparent)
    session.info["causes"] = causes or {}


def trace_of(session: Session, *things: UUID | None) -> str | None:
    """Return the trace of the first of these things that has one in this session, else the session's own."""
    causes: Mapping[UUID, str] = session.info.get("causes", {})
    own: str | None = session.info.get("traceparent")
    return next((causes[thing] for thing in things if thing is not None and thing in causes), own) if causes else own


class _Kind(NamedTuple):
    """The name and the producer of an event, its field of the subject, and all fields that hold ids."""

    name: str
    producer: str
    subject: str
    ids: list[str]


@cache
def _kind_of(event: type[Event]) -> _Kind:
    # A list of ids, such as of people who were involved, belongs to no single trace.
    ids = [name for name, hint in get_type_hints(event).items() if hint is UUID or hint == UUID | None]
    return _Kind(name_of(event), producer_of(event), subject_field(event), ids)


def age_seconds(session: Session) -> float:
    """Return the age of the oldest event in the outbox, in seconds; 0 when it is empty."""
    recorded_at = session.scalar(select(outbox.c.recorded_at).order_by(outbox.c.id).limit(1))
    return max(0.0, (now() - recorded_at).total_seconds()) if recorded_at else 0.0


def pending(session: Session) -> list[Event]:
    """Return all events in the outbox, oldest first: tests read here what an action publishes."""
    write(session)
    rows = session.execute(select(outbox).order_by(outbox.c.id))
    return [decode(every_event()[row.name], row.body) for row in rows]


def envelope_of(row: Row[tuple[object, ...]]) -> Envelope:
    """Return the envelope of a row of the outbox or the journal."""
    return Envelope(
        id=row.id, name=row.name, producer=row.teller, subject=row.subject, recorded_at=row.recorded_at, traceparent=row.traceparent
    )


def lock_batch(session: Session, limit: int, without: Collection[str] = ()) -> Sequence[Row[tuple[object, ...]]]:
    """Lock and return at most `limit` rows, oldest first, until the transaction ends; rows that another relay holds are skipped.

    Rows to the addresses in `without` are left out.
    """
    rows = select(outbox).order_by(outbox.c.id).limit(limit).with_for_update(skip_locked=True)
    address = func.coalesce(func.nullif(outbox.c.queue, ""), outbox.c.name)
    return session.execute(rows.where(address.not_in(without)) if without else rows).all()


def address_of(row: Row[tuple[object, ...]]) -> str:
    """Return the one queue that a row is for, or the name of its event when it is for every listener."""
    return row.queue or row.name  # type: ignore[no-any-return]
