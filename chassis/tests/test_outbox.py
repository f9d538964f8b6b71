"""Events in the outbox and the inbox: the trace each belongs to, their age; pages and envelopes of snapshots; the wait for relays."""

import time
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from keeper import withdrawn_need
from msgspec.structs import replace
from pantry import api as pantry_api
from pantry.model import Withdrawal
from sqlalchemy import inspect, text
from sqlalchemy.orm import Session

from chassis.data.database import new_id
from chassis.messaging import inbox, journal, outbox
from chassis.messaging.inbox import Received
from chassis.messaging.snapshots import Snapshot, envelope_for
from chassis.ops import tracing
from chassis.testing.fixtures import Client, Person, RolledBack, api_fixtures
from contracts.event import Event
from contracts.generate import example_of
from contracts.matching import DisputeOpened
from contracts.needs import NeedPublished, NeedWithdrawn

engine, database, client = api_fixtures("pantry", pantry_api.api)
FIRST, SECOND = "0" * 31 + "1", "0" * 31 + "2"


def context(trace: str) -> str:
    return f"00-{trace}-{'b' * 16}-01"


def traces(database: RolledBack) -> dict[UUID, str]:
    """The trace of each event in the outbox, by the event's subject."""
    with database.begin() as session:
        rows = session.execute(text("SELECT subject, traceparent FROM outbox"))
        return {subject: traceparent.split("-")[1] for subject, traceparent in rows}


def test_event_belongs_to_the_trace_of_its_request(client: Client, database: RolledBack) -> None:
    headers = {"traceparent": context(FIRST)}
    assert client.post("/v1/withdrawals", {"region": "51"}, by=Person("donor"), headers=headers).status_code == 201
    assert list(traces(database).values()) == [FIRST]


def test_event_belongs_to_the_trace_of_what_it_mentions(database: RolledBack) -> None:
    own, by_subject, by_account = (
        replace(example_of(NeedPublished), need_id=new_id(), account_id=account) for account in (None, None, new_id())
    )
    causes: dict[UUID, str] = {by_subject.need_id: context(FIRST), by_account.account_id or new_id(): context(FIRST)}
    with database.begin() as session:
        outbox.continue_trace(session, context(SECOND), causes)
        outbox.add(session, own, by_subject, by_account)
    assert traces(database) == {own.need_id: SECOND, by_subject.need_id: FIRST, by_account.need_id: FIRST}


def test_event_with_a_list_of_ids_has_the_trace_of_its_session(database: RolledBack) -> None:
    event = replace(example_of(DisputeOpened), dispute_id=new_id(), involved=[new_id(), new_id()])
    with database.begin() as session:
        outbox.continue_trace(session, context(SECOND), {new_id(): context(FIRST)})
        outbox.add(session, event)
    assert traces(database) == {event.dispute_id: SECOND}


def test_events_without_a_trace_begin_one(database: RolledBack) -> None:
    with database.begin() as session:
        outbox.continue_trace(session, "not a trace")
        outbox.add(session, withdrawn_need(), withdrawn_need())
    [trace] = {*traces(database).values()}
    assert tracing.continue_or_start(context(trace)) == context(trace)


def test_batch_publishes_in_the_traces_of_its_events(database: RolledBack) -> None:
    first, second, other = withdrawn_need(), withdrawn_need(), withdrawn_need()
    batch = [Received(new_id(), first, context(FIRST)), Received(new_id(), second, context(SECOND))]

    def publish(session: Session, events: Sequence[Event]) -> None:
        assert list(events) == [first, second]
        outbox.add(session, *(replace(example_of(NeedPublished), need_id=event.subject) for event in events), other)

    assert inbox.handle(database, "needs.need_withdrawn", batch, publish) == 2
    assert traces(database) == {first.subject: FIRST, second.subject: SECOND, other.subject: FIRST}
    assert inbox.handle(database, "needs.need_withdrawn", batch, publish) == 0


def test_nobody_waits_for_relays_that_do_not_publish(database: RolledBack) -> None:
    began = time.monotonic()
    assert journal.wait_for_relays(database, 8) is True
    assert time.monotonic() - began < 4


def test_age_is_that_of_the_oldest_event(database: RolledBack) -> None:
    with database.begin() as session:
        assert outbox.age_seconds(session) == 0
        outbox.add(session, withdrawn_need(), withdrawn_need())
    with database.begin() as session:
        oldest = text("UPDATE outbox SET recorded_at = recorded_at - :age WHERE id = (SELECT id FROM outbox ORDER BY id LIMIT 1)")
        session.execute(oldest, {"age": timedelta(minutes=5)})
        assert 300 <= outbox.age_seconds(session) < 400


def add_withdrawals(session: Session, count: int) -> list[UUID]:
    rows = [Withdrawal(region="51", asked_by=new_id(), reason="秘密") for _ in range(count)]
    session.add_all(rows)
    session.flush()
    return sorted(row.id for row in rows)


def told_of(row: Withdrawal) -> Event:
    return replace(example_of(NeedWithdrawn), need_id=row.id, region=row.region)


def test_pages_of_a_snapshot_hold_each_row_once(database: RolledBack) -> None:
    snapshot = Snapshot(NeedWithdrawn, Withdrawal, told_of)
    with database.begin() as session:
        wanted = add_withdrawals(session, 5)
    found: list[UUID] = []
    with database.begin() as session:
        assert snapshot.count(session) == 5
        while rows := snapshot.page(session, found[-1] if found else None, limit=2):
            assert [event.subject for _, event in rows] == [row_id for row_id, _ in rows]
            found += [row_id for row_id, _ in rows]
            assert len(found) <= 5
    assert found == wanted


def test_snapshot_reads_no_encrypted_column(database: RolledBack) -> None:
    unread: list[set[str]] = []

    def build(row: Withdrawal) -> Event:
        unread.append(inspect(row).unloaded)
        return told_of(row)

    with database.begin() as session:
        add_withdrawals(session, 1)
    with database.begin() as session:
        Snapshot(NeedWithdrawn, Withdrawal, build).page(session, None, limit=1)
    assert unread == [{"reason"}]


def test_snapshot_of_the_same_version_has_the_same_id() -> None:
    need = withdrawn_need()
    published = replace(example_of(NeedPublished), need_id=need.subject, version=need.version)
    others = [replace(need, version=need.version + 1), replace(need, need_id=new_id()), published]
    assert envelope_for(need).id == envelope_for(replace(need, region="51")).id
    assert len({envelope_for(one).id for one in (need, *others)}) == 4
    stated = envelope_for(need)
    assert (stated.name, stated.producer, stated.subject) == ("need_withdrawn", "needs", need.subject)
