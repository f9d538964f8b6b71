"""Needs matched a second, from RabbitMQ to RabbitMQ, beside one-by-one matching and a bare script."""

import random
import statistics
import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from bench.matching import book
from bench.matching.costs import Costs
from bench.matching.figures import compare, progress, report
from bench.matching.ledger import Ledger, audit
from bench.matching.scene import Scene, held, told_count
from chassis.data.database import Database
from chassis.messaging.broker import connected
from contracts.event import Event
from contracts.needs import NeedPublished
from matching.balance import actions
from matching.intake.actions import book_needs, book_pledges

ONE_BY_ONE, BARE = "faststream_one_by_one", "bare_batch"
PEERS = {ONE_BY_ONE: 8.0, BARE: 0.35}
"""The peers, each in a database and with a queue of its own, and how many times as fast as it we have to be."""
SHARE_OF_ONE_BY_ONE = 8
PATIENCE_SECONDS = 120
NOTHING_WAITS = """
    SELECT NOT EXISTS (SELECT FROM to_clear) AND NOT EXISTS (SELECT FROM outbox)
      AND (SELECT count(*) FROM needs WHERE id = ANY(%(ids)s)) + (SELECT count(*) FROM pledges WHERE id = ANY(%(ids)s)) = %(count)s
      AND (SELECT count(*) FROM matches WHERE need_id = ANY(%(ids)s) OR pledge_id = ANY(%(ids)s)) = %(told)s
"""
ALL_MATCHED = """
    SELECT %(told)s >= %(count)s
      AND (SELECT (count(*), sum(quantity)) = (%(told)s, %(units)s) FROM matches WHERE need_id = ANY(%(ids)s))
"""


def fill(scene: Scene, database: str, luck: random.Random, *, pledges: int = 0, needs: int = 0) -> None:
    """Fill a book with so many open pledges or waiting needs, an up-to-date balance and an empty clearing queue."""
    store = Database(scene.url(database), name="bench", statement_timeout_ms=600_000)
    with store.begin() as session:
        _enter(session, luck, pledges, needs)
    with scene.connect(database) as connection:
        if pledges:
            book.fill(connection, "pledges", pledges, luck)
        if needs:
            book.fill(connection, "needs", needs, luck)
        _keep_balance(store)
        connection.execute("UPDATE balance SET changed = false")
        connection.execute("TRUNCATE to_clear, outbox")
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def _keep_balance(store: Database) -> None:
    notes = 1
    while notes:
        with store.begin() as session:
            notes = actions.update_balance(session)
    store.close()


def _enter(session: Session, luck: random.Random, pledges: int, needs: int) -> None:
    if pledges:
        book_pledges(session, book.foundations())
    if needs:
        book_needs(session, [_need_of(luck, *item) for item in book.items()])


def _need_of(luck: random.Random, category: str, unit: str) -> NeedPublished:
    stated = {name: getattr(one := book.published(luck), name) for name in NeedPublished.__struct_fields__}
    return type(one)(**stated | {"category": category, "unit": unit, "charity": book.CHARITY if unit == "fen" else None})


def measure(scene: Scene, luck: random.Random, needs: int, rounds: int) -> float:
    """Run ours and the peers in turns on the same needs; return our median rate."""
    for peer in PEERS:
        scene.server.create(peer, template="matching")
        scene.declare(queue_of(peer))
        with scene.connect(peer) as connection:
            connection.execute("CREATE TABLE peer_inbox (event_id uuid PRIMARY KEY)")
            connection.execute("CREATE TABLE peer_outbox (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body bytea NOT NULL)")
    rates: dict[str, list[float]] = {name: [] for name in ("ours", *PEERS)}
    costs: list[dict[str, float]] = []
    spent_by: dict[str, list[float]] = {peer: [] for peer in PEERS}
    for number in range(rounds):
        events = [book.published(luck) for _ in range(needs)]
        progress(f"pipeline, round {number + 1} of {rounds}")
        rate, spent = ours(scene, events)
        _settle(scene, "matching", "need", events, "ours", at_least=needs)
        rates["ours"].append(rate)
        costs.append(spent)
        for peer in PEERS:
            few = events[: max(1, needs // SHARE_OF_ONE_BY_ONE)] if peer == ONE_BY_ONE else events
            rate, own = _peer(scene, peer, few)
            rates[peer].append(rate)
            spent_by[peer].append(sum(own.values()))
    for peer, at_least in PEERS.items():
        compare(f"pipeline, beside {peer}", "needs/s", rates["ours"], rates[peer], at_least)
    # What a busy machine does not change: the processors' time of all processes, database and broker among them.
    own_times = [sum(cost.values()) for cost in costs]
    for peer, theirs in spent_by.items():
        ratio = statistics.median(peers / our for our, peers in zip(own_times, theirs, strict=True))
        report(f"pipeline, time of its own, beside {peer}", statistics.median(own_times), "ms/1000 needs", statistics.median(theirs), ratio)
    for part in costs[0]:
        report(f"pipeline, time of its own: {part}", sum(cost[part] for cost in costs) / rounds, "ms/1000 needs")
    return statistics.median(rates["ours"])


def measure_pledges(scene: Scene, luck: random.Random, pledges: int, needs: int) -> None:
    """Measure pledges that arrive on waiting needs."""
    events = [book.offered(luck) for _ in range(pledges)]
    rate, _ = ours(scene, events, database="waiting")
    ledger = _settle(scene, "waiting", "pledge", events, "ours")
    report(f"pledges arriving on {needs:,} waiting needs", rate, "pledges/s", matches_a_second=round(rate * ledger.told / pledges))


def ours(scene: Scene, events: Sequence[Any], database: str = "matching") -> tuple[float, dict[str, float]]:
    """Return the needs matched a second, and each process's milliseconds for a thousand."""
    with scene.matching(database) as processes:
        costs = Costs(scene, database, processes)
        with held(processes["worker"]):
            scene.publish(events)
            costs.begin()
        rate = len(events) / _until_all_are_told(scene, database, events, NOTHING_WAITS)
        spent = costs.spent(len(events) / 1000)
    return rate, spent


def _peer(scene: Scene, peer: str, events: Sequence[NeedPublished]) -> tuple[float, dict[str, float]]:
    with scene.running(peer, f"bench.peers.{peer}", queue_of(peer)) as process:
        costs = Costs(scene, peer, {"script": process})
        with held(process):
            scene.publish(events, queue_of(peer))
            costs.begin()
        rate = len(events) / _until_all_are_told(scene, peer, events, ALL_MATCHED)
        spent = costs.spent(len(events) / 1000)
    _settle(scene, peer, "need", events, peer, at_least=len(events))
    return rate, spent


def queue_of(peer: str) -> str:
    return f"{peer}.needs.need_published.v1"


def _until_all_are_told(scene: Scene, database: str, events: Sequence[Any], all_done: str) -> float:
    """Return the seconds until the last match was on the broker; the query `all_done` says when all are matched."""
    stated = {"ids": [event.subject for event in events], "units": sum(event.quantity for event in events), "count": len(events)}
    started = latest = time.monotonic()
    told = 0
    with connected(scene.broker_url, 60) as connection, scene.connect(database) as asked:
        while True:
            if (count := told_count(connection)) != told:
                told, latest = count, time.monotonic()
            elif asked.execute(all_done, stated | {"told": told}).fetchone() == (True,):
                return latest - started
            if time.monotonic() - latest > PATIENCE_SECONDS:
                raise RuntimeError(f"{told} matches for {len(events)} were told, then nothing more came")
            time.sleep(0.02)


def _settle(scene: Scene, database: str, side: str, events: Sequence[Event], who: str, at_least: float | None = None) -> Ledger:
    with scene.connect(database) as connection:
        ledger = audit(connection, side, [event.subject for event in events], scene.consume_matches())
    report(f"ledger of {who}: {side}s matched wholly", ledger.whole, f"{side}s", asked=ledger.asked, matches=ledger.told, at_least=at_least)
    report(f"ledger of {who}: matches told otherwise than once", ledger.told_otherwise_than_once, "matches", at_most=0)
    report(f"ledger of {who}: needs and pledges over-allocated", ledger.over_allocated, "rows", at_most=0)
    return ledger
