"""The journal at five million events: size, time to find a slice, replay it, drop a day. JSON lines.

`python -m bench.memory [--events 5000000]`, on a private PostgreSQL and RabbitMQ. `peer` is the plain way to do the same, `ratio` our
advantage over it.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console
from rich.progress import track
from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis import replay, topology
from chassis.data.database import Database, new_id, now
from chassis.messaging import journal
from chassis.messaging.broker import Publisher, connected, message_for
from chassis.messaging.resend import resend_all
from chassis.messaging.subscription import Subscription
from chassis.settings import Settings
from chassis.testing import postgres, rabbitmq
from chassis.testing.templates import create_and_migrate
from contracts.event import Envelope, encode
from contracts.generate import example_of
from contracts.needs import NeedPublished

DAYS = 80
NAMES = ["need_published", "need_rejected", "need_withdrawn", "need_closed", "pledge_offered", "pledge_changed", "pledge_withdrawn"]
PLACE = Subscription("matching", NeedPublished)
_FILL = text(
    "INSERT INTO journal (id, name, teller, subject, version, recorded_at, traceparent, body, told_at)"
    " SELECT gen_random_uuid(), (CAST(:names AS text[]))[1 + number % :kinds], 'needs', gen_random_uuid(), 2, at, :trace, :body, at"
    " FROM generate_series(1, :count) AS number,"
    " LATERAL (SELECT CAST(:day AS timestamptz) + number * interval '1 day' / (:count + 1) AS at)"
)


def say(figure: str, value: float, unit: str, peer: float | None = None) -> None:
    """Print one line; higher rates and lower times are better."""
    ratio = None if peer is None else round(value / peer if unit.endswith("/s") else peer / value, 1)
    line = {"figure": figure, "value": round(value, 3), "unit": unit, "peer": peer and round(peer, 3), "ratio": ratio}
    print(json.dumps(line), flush=True)


def seconds(work: Callable[[], object]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


def fill(database: Database, events: int) -> datetime:
    """Write so many events over the last days; return the first day."""
    first = now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS)
    stated = {
        "names": NAMES,
        "kinds": len(NAMES),
        "trace": f"00-{'a' * 32}-{'b' * 16}-01",
        "body": encode(example_of(NeedPublished)).decode(),
    }
    for number in track(range(DAYS), "日志 journal", console=Console(stderr=True)):
        day = first + timedelta(days=number)
        with database.begin() as session:
            journal.maintain_partitions(session, days_kept=400, at=day)
            session.execute(_FILL, stated | {"day": day, "count": events // DAYS})
    with database.begin() as session:
        journal.maintain_partitions(session, days_kept=400)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE journal"))
    return first


def pages(session: Session, since: datetime, until: datetime) -> Iterator[int]:
    after = None
    while rows := journal.read_page(session, "need_published", since, until, after, 1000):
        after = rows[-1].told_at, rows[-1].id
        yield len(rows)


def plan(session: Session, since: datetime, after: datetime) -> dict[str, Any]:
    """Return PostgreSQL's plan for a page in the middle of an hour."""
    session.execute(text("SET LOCAL plan_cache_mode = force_custom_plan"))
    query = (
        "EXPLAIN (ANALYZE, FORMAT JSON) SELECT * FROM journal WHERE name = 'need_published'"
        " AND told_at >= :since AND told_at < :until AND told_at >= :after AND (told_at, id) > (:after, CAST(:id AS uuid))"
        " ORDER BY told_at, id LIMIT 1000"
    )
    stated = {"since": since, "until": since + timedelta(hours=1), "after": after, "id": new_id()}
    found: dict[str, Any] = session.execute(text(query), stated).scalar_one()[0]
    return found


def nodes(found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield found
    for below in found.get("Plans", ()):
        yield from nodes(below)


def measure_slice(database: Database, day: datetime) -> None:
    since = day + timedelta(hours=12)
    with database.begin() as session:
        found = plan(session, since, since + timedelta(minutes=30))
        read = [node for node in nodes(found["Plan"]) if "Relation Name" in node]
        used = [f"{node['Node Type']} {node['Index Name']}" for node in nodes(found["Plan"]) if "Index Name" in node]
        print(json.dumps({"plan": used}))
        say("partitions read for a page", len(read), "partitions", DAYS + 3)
        rows = sum(pages(session, since, since + timedelta(hours=1)))
        read_pages = seconds(lambda: list(pages(session, since, since + timedelta(hours=1))))
        # By the other time of an event, which neither divides the journal nor stands in an index.
        plainly = text("SELECT * FROM journal WHERE name = 'need_published' AND recorded_at >= :since AND recorded_at < :until")
        stated = {"since": since, "until": since + timedelta(hours=1)}
        scanned = seconds(lambda: session.execute(plainly, stated).all())
        say("a slice of one event and one hour, read", read_pages * 1000, "ms", scanned * 1000)
        say("events in that slice", rows, "events")


def measure_replay(database: Database, settings: Settings, since: datetime) -> None:
    with connected(settings.broker_url, 20) as connection:
        topology.declare(connection.channel(), "matching", [PLACE], settings.retry_pause_ms)
        publisher = Publisher(connection, 30)

        def one_by_one() -> None:
            for _ in range(1000):
                event = example_of(NeedPublished)
                envelope = Envelope(id=new_id(), name="need_published", producer="needs", subject=event.subject, recorded_at=now())
                publisher.publish([message_for(envelope, encode(event), PLACE.queue)])

        peer = 1000 / seconds(one_by_one)
    replayed = 0

    def again() -> None:
        nonlocal replayed
        replayed = sum(
            count for count, _ in resend_all(database, settings, replay.sources([PLACE], since, since + timedelta(days=4)), "", 10**9)
        )

    took = seconds(again)
    say("events replayed", replayed, "events")
    say("replay into one queue", replayed / took, "events/s", peer)


def measure_drop(database: Database, first: datetime) -> None:
    with database.begin() as session:
        deleted = seconds(lambda: session.execute(text("DELETE FROM journal WHERE told_at < :day"), {"day": first + timedelta(days=1)}))
        session.rollback()

    def drop() -> None:
        with database.begin() as session:
            journal.maintain_partitions(session, days_kept=DAYS - 1)

    before = now() - first
    assert before > timedelta(days=DAYS - 1), "the first day is due"
    say("a day of the journal dropped", seconds(drop) * 1000, "ms", deleted * 1000)


def measure_size(database: Database, events: int) -> None:
    sizes = text(
        "SELECT sum(pg_table_size(inhrelid)), sum(pg_indexes_size(inhrelid)) FROM pg_inherits WHERE inhparent = 'journal'::regclass"
    )
    with database.begin() as session:
        table, indexes = session.execute(sizes).one()
    say("journal on disk", float(table + indexes) / 2**30, "GiB")
    say("an event in the journal", float(table) / events, "bytes")
    say("its place in the indexes", float(indexes) / events, "bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=5_000_000)
    events = parser.parse_args().events // DAYS * DAYS
    with postgres.start(settings={"max_wal_size": "8GB", "shared_buffers": "512MB"}, durable=False) as server, rabbitmq.start() as broker:
        create_and_migrate(server, "needs", "needs")
        os.environ |= {"NEEDS_DATABASE_URL": server.url("needs"), "BROKER_URL": broker.url()}
        database, settings = Database(server.url("needs"), name="bench", statement_timeout_ms=600_000), Settings.of("needs")
        say("events written to the journal", events / seconds(lambda: fill(database, events)), "events/s")
        first = now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS)
        measure_size(database, events)
        measure_slice(database, first + timedelta(days=40))
        measure_replay(database, settings, first + timedelta(days=40))
        measure_drop(database, first)
        database.close()


if __name__ == "__main__":
    main()
