"""Matching one need a transaction, as a good FastStream program would: `python -m bench.peers.faststream_one_by_one <queue>`.

FastStream and asyncpg, twenty needs at a time. A need's transaction notes it in an inbox, enters it, looks for pledges with the same
probes by key, takes the best from them by the same value, and leaves the matches in an outbox; a task beside publishes what is in there,
confirmed and in hundreds at once. A pledge that somebody else took meanwhile fails its guarded update, and the need looks again.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import msgspec
from faststream import AckPolicy, FastStream
from faststream.rabbit import Channel, QueueType, RabbitBroker, RabbitExchange, RabbitMessage, RabbitQueue

from chassis.data.database import new_id
from contracts.event import Envelope, decode, encode
from contracts.matching import MatchProposed
from contracts.needs import NeedPublished
from matching.allocation.reasons import build_reasons
from matching.allocation.score import Demand, list_fitting_keys, score_unit
from matching.allocation.solver import Share
from matching.intake.actions import URGENCY

AT_ONCE, RELAYED = 20, 500
HEAR = "INSERT INTO peer_inbox (event_id) VALUES ($1) ON CONFLICT DO NOTHING RETURNING event_id"
ENTER = (
    "INSERT INTO needs (id, version, household_id, account_id, poster_id, region, category, unit, urgency, quantity, rest, ended,"
    " posted_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, false, $11) ON CONFLICT (id) DO NOTHING"
)
# Every pledge holds a unit at least: more of a key than the need asks for would be read in vain.
PROBE = """
    SELECT pledge.*
    FROM unnest($1::text[], $2::text[], $3::text[]) AS key (category, unit, scope), LATERAL (
        SELECT id, pledger_id, category, unit, scope, rest, valid_until FROM pledges
        WHERE category = key.category COLLATE "C" AND unit = key.unit AND scope = key.scope COLLATE "C"
          AND open AND valid_until > now()
        ORDER BY reliability DESC, offered_at LIMIT least(200, $4::bigint)
    ) AS pledge
"""
SET_ASIDE = "UPDATE pledges SET rest = rest - $2 WHERE id = $1 AND NOT ended AND rest >= $2"
PROPOSE = (
    "INSERT INTO matches (id, version, need_id, pledge_id, household_id, account_id, poster_id, pledger_id, region, category, unit,"
    " quantity, state, reasons, barred, proposed_at, answer_by)"
    " VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'proposed', $12, false, $13, $14)"
)
TELL = "INSERT INTO peer_outbox (body) VALUES ($1)"
UNTOLD = "SELECT id, body FROM peer_outbox ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED"
FORGET = "DELETE FROM peer_outbox WHERE id = ANY($1::bigint[])"

broker = RabbitBroker(os.environ["BROKER_URL"], default_channel=Channel(prefetch_count=AT_ONCE), logger=None)
app = FastStream(broker, logger=None)
queue = RabbitQueue(sys.argv[1], queue_type=QueueType.QUORUM, durable=True, declare=False)
exchange = RabbitExchange("matching.events", declare=False)
pool: "asyncpg.Pool[Any]"
more = asyncio.Event()
tasks: set[asyncio.Task[None]] = set()


class TakenMeanwhile(Exception):
    """Another transaction took the pledge meanwhile."""


async def as_it_came(message: RabbitMessage) -> bytes:
    return bytes(message.body)


@broker.subscriber(queue, decoder=as_it_came, ack_policy=AckPolicy.NACK_ON_ERROR)
async def on_need_published(body: bytes, message: RabbitMessage) -> None:
    need, event_id = decode(NeedPublished, body), Envelope.of(message.headers).id
    if not isinstance(need, NeedPublished):
        raise TypeError("another event")
    while True:
        try:
            async with pool.acquire() as connection, connection.transaction():
                if await connection.fetchval(HEAR, event_id):
                    await match(connection, need)
            break
        except TakenMeanwhile:
            continue
    more.set()


async def match(connection: Any, need: NeedPublished) -> None:
    at = datetime.now(UTC)
    await connection.execute(
        ENTER, need.need_id, need.version, need.household_id, need.account_id, need.poster_id, need.region, need.category, need.unit,
        URGENCY[need.urgency], need.quantity, need.posted_at,
    )  # fmt: skip
    asked = Demand(need.need_id, need.category, need.unit, need.region, URGENCY[need.urgency], (at - need.posted_at).days, need.quantity)
    categories, units, scopes = (list(column) for column in zip(*list_fitting_keys(asked), strict=True))
    rows = await connection.fetch(PROBE, categories, units, scopes, need.quantity)
    rows.sort(key=lambda row: -score_unit(asked, (row["category"], row["unit"], row["scope"]), len(rows)).value)
    rest, matches = need.quantity, []
    for row in rows:
        if not rest:
            break
        part = min(rest, row["rest"])
        rest -= part
        matches.append(_proposal(need, asked, row, part, at))
    if rest:
        raise RuntimeError("this program keeps no need waiting: the book has to hold enough for each")
    for one in sorted(matches, key=lambda one: one.pledge_id):
        if await connection.execute(SET_ASIDE, one.pledge_id, one.quantity) != "UPDATE 1":
            raise TakenMeanwhile
    await connection.executemany(PROPOSE, [_row(one) for one in matches])
    await connection.executemany(TELL, [(encode(one),) for one in matches])


def _proposal(need: NeedPublished, asked: Demand, pledge: Any, quantity: int, at: datetime) -> MatchProposed:
    return MatchProposed(
        version=1, match_id=new_id(), need_id=need.need_id, pledge_id=pledge["id"], household_id=need.household_id,
        account_id=need.account_id, poster_id=need.poster_id, pledger_id=pledge["pledger_id"], region=need.region, category=need.category,
        unit=need.unit, quantity=quantity, proposed_at=at, answer_by=min(at + timedelta(hours=72), pledge["valid_until"]),
        reasons=build_reasons(asked, (pledge["category"], pledge["unit"], pledge["scope"]), Share(asked.id, pledge["id"], quantity)),
    )  # fmt: skip


def _row(one: MatchProposed) -> Sequence[Any]:
    return (
        one.match_id, one.need_id, one.pledge_id, one.household_id, one.account_id, one.poster_id, one.pledger_id, one.region, one.category,
        one.unit, one.quantity, msgspec.json.encode(one.reasons).decode(), one.proposed_at, one.answer_by,
    )  # fmt: skip


async def relay() -> None:
    while True:
        async with pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(UNTOLD, RELAYED)
            if rows:
                publish = (
                    broker.publish(
                        row["body"], exchange=exchange, routing_key="match_proposed", persist=True, content_type="application/json"
                    )
                    for row in rows
                )
                await asyncio.gather(*publish)
                await connection.execute(FORGET, [row["id"] for row in rows])
        if not rows:
            more.clear()
            try:
                await asyncio.wait_for(more.wait(), 0.2)
            except TimeoutError:
                continue


@app.on_startup
async def open_pool() -> None:
    global pool
    address = os.environ["MATCHING_DATABASE_URL"].replace("+psycopg", "")
    pool = await asyncpg.create_pool(
        address, min_size=AT_ONCE + 1, max_size=AT_ONCE + 1, server_settings={"application_name": "one-by-one"}
    )


@app.after_startup
async def begin() -> None:
    tasks.add(asyncio.create_task(relay()))
    print("one by one ready", flush=True)


@app.on_shutdown
async def end() -> None:
    for task in tasks:
        task.cancel()


if __name__ == "__main__":
    asyncio.run(app.run())
