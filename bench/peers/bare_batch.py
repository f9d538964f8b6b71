"""Matching without its architecture: the same SQL and the same solver in one script, batch after batch.

`python -m bench.peers.bare_batch <queue>`, with `MATCHING_DATABASE_URL` and `BROKER_URL`. A batch of up to 500 needs is entered, matched
and committed in one transaction; the matches are published with pipelined confirms, then the needs are acknowledged. No inbox, no outbox,
no clearing queue, no journal, no traces: a crash loses matches' events or does things twice.
"""

import os
import signal
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import amqp
import kombu
import msgspec
import psycopg
from psycopg.rows import namedtuple_row

from chassis.data.database import new_id
from chassis.ops import gc_tuning
from contracts.event import decode, encode
from contracts.matching import MatchProposed
from contracts.needs import NeedPublished
from matching.allocation.reasons import build_reasons
from matching.allocation.score import Demand, Key, list_fitting_keys
from matching.allocation.solver import Supply, allocate
from matching.intake.actions import URGENCY

BATCH = 500
COLUMNS = (
    "id, version, household_id, account_id, poster_id, region, category, unit, urgency, quantity, rest, ended, posted_at, published_at"
)
NEEDS = f"INSERT INTO needs ({COLUMNS}) SELECT {COLUMNS} FROM json_populate_recordset(NULL::needs, %s::json) ON CONFLICT (id) DO NOTHING"
KEYS = """
    unnest(%(categories)s::text[], %(units)s::text[], %(scopes)s::text[], %(demands)s::bigint[]) AS key (category, unit, scope, demand)
"""
FIRST = f"""
    SELECT pledge.* FROM {KEYS}, LATERAL (
        SELECT id, pledger_id, category, unit, scope, rest, valid_until FROM pledges
        WHERE category = key.category COLLATE "C" AND unit = key.unit AND scope = key.scope COLLATE "C"
          AND open AND valid_until > now()
        ORDER BY reliability DESC, offered_at LIMIT 1
    ) AS pledge
"""
PLEDGES = f"""
    SELECT pledge.* FROM {KEYS}, LATERAL (
        SELECT id, pledger_id, category, unit, scope, rest, valid_until FROM (
            SELECT *, sum(rest) OVER (ORDER BY reliability DESC, offered_at ROWS UNBOUNDED PRECEDING) - rest AS before FROM (
                SELECT id, pledger_id, category, unit, scope, rest, valid_until, reliability, offered_at FROM pledges
                WHERE category = key.category COLLATE "C" AND unit = key.unit AND scope = key.scope COLLATE "C"
                  AND open AND valid_until > now()
                ORDER BY reliability DESC, offered_at LIMIT least(200, key.demand)
            ) AS oldest
        ) AS summed WHERE before < key.demand
    ) AS pledge
"""
SET_ASIDE = (
    "UPDATE pledges SET rest = rest - part.quantity FROM unnest(%(ids)s::uuid[], %(quantities)s::bigint[]) AS part (id, quantity)"
    " WHERE pledges.id = part.id AND NOT ended AND rest >= part.quantity"
)
MATCHES = "INSERT INTO matches SELECT * FROM json_populate_recordset(NULL::matches, %s::json)"


def match(connection: psycopg.Connection[Any], needs: Sequence[NeedPublished]) -> list[MatchProposed]:
    """Enter the needs and set the best pledges aside for them in one transaction."""
    at = datetime.now(UTC)
    asked = {
        need.need_id: Demand(
            need.need_id, need.category, need.unit, need.region, URGENCY[need.urgency], (at - need.posted_at).days, need.quantity
        )
        for need in needs
    }
    need_of = {need.need_id: need for need in needs}
    demands: Counter[Key] = Counter()
    for one in asked.values():
        for key in list_fitting_keys(one):
            demands[key] += one.rest
    with connection.transaction():
        connection.execute(NEEDS, [text_of([_row(need) for need in needs])])
        rows = _look(connection, demands)
        pledge_of = {row.id: row for row in rows}
        shares = allocate(list(asked.values()), [Supply(row.id, (row.category, row.unit, row.scope), row.rest) for row in rows])
        matches = []
        for share in shares:
            need, pledge = need_of[share.need], pledge_of[share.pledge]
            matches.append(
                MatchProposed(
                    version=1, match_id=new_id(), need_id=need.need_id, pledge_id=pledge.id, household_id=need.household_id,
                    account_id=need.account_id, poster_id=need.poster_id, pledger_id=pledge.pledger_id, region=need.region,
                    category=need.category, unit=need.unit, quantity=share.quantity, proposed_at=at,
                    reasons=build_reasons(asked[share.need], (pledge.category, pledge.unit, pledge.scope), share),
                    answer_by=min(at + timedelta(hours=72), pledge.valid_until),
                )
            )  # fmt: skip
        taken: Counter[UUID] = Counter()
        given: dict[UUID, int] = defaultdict(int)
        for share in shares:
            taken[share.pledge] += share.quantity
            given[share.need] += share.quantity
        if any(given[need.need_id] < need.quantity for need in needs):
            raise RuntimeError("this script keeps no need waiting: the book has to hold enough for each")
        if connection.execute(SET_ASIDE, {"ids": list(taken), "quantities": list(taken.values())}).rowcount != len(taken):
            raise RuntimeError("a pledge holds less than was set aside")
        connection.execute(MATCHES, [text_of([_match_row(one) for one in matches])])
    return matches


def _look(connection: psycopg.Connection[Any], demands: Mapping[Key, int]) -> list[Any]:
    first = connection.execute(FIRST, _wanted(demands)).fetchall()
    short = {key: demands[key] for row in first if row.rest < demands[key := (row.category, row.unit, row.scope)]}
    covering = [row for row in first if (row.category, row.unit, row.scope) not in short]
    return covering + connection.execute(PLEDGES, _wanted(short)).fetchall() if short else covering


def _wanted(demands: Mapping[Key, int]) -> dict[str, list[Any]]:
    keys = sorted(demands)
    categories, units, scopes = (list(column) for column in zip(*keys, strict=True))
    return {"categories": categories, "units": units, "scopes": scopes, "demands": [demands[key] for key in keys]}


def _row(need: NeedPublished) -> dict[str, Any]:
    stated = {name: getattr(need, name) for name in need.__struct_fields__}
    return stated | {"id": need.need_id, "urgency": URGENCY[need.urgency], "rest": 0, "ended": False}


def _match_row(one: MatchProposed) -> dict[str, Any]:
    stated = {name: getattr(one, name) for name in one.__struct_fields__}
    return stated | {"id": one.match_id, "state": "proposed", "barred": False}


def text_of(rows: list[dict[str, Any]]) -> str:
    return msgspec.json.encode(rows).decode()


class Publisher:
    """Publishes with pipelined confirms."""

    def __init__(self, connection: amqp.Connection) -> None:
        self._connection, self._channel, self._tag = connection, connection.channel(), 0
        self._open: set[int] = set()
        self._channel.confirm_select()
        self._channel.events["basic_ack"].add(self._confirm)

    def publish(self, matches: Sequence[MatchProposed]) -> None:
        for one in matches:
            body = amqp.Message(encode(one), content_type="application/json", delivery_mode=2, message_id=str(one.match_id))
            self._tag += 1
            self._open.add(self._tag)
            self._channel.basic_publish(body, "matching.events", "match_proposed", mandatory=True)
        while self._open:
            self._connection.drain_events(timeout=30)

    def _confirm(self, tag: int, multiple: bool) -> None:
        self._open -= {one for one in self._open if one <= tag} if multiple else {tag}


def main() -> None:
    gc_tuning.collect_rarely()
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    url = os.environ["BROKER_URL"]
    heard = kombu.Connection(url).transport.establish_connection()
    publisher = Publisher(kombu.Connection(url).transport.establish_connection())
    arrived: list[amqp.Message] = []
    channel = heard.channel()
    channel.auto_decode = False
    channel.basic_qos(0, 2 * BATCH, False)
    address = os.environ["MATCHING_DATABASE_URL"].replace("+psycopg", "")
    with psycopg.connect(address, autocommit=True, row_factory=namedtuple_row, application_name="bare-batch") as connection:
        channel.basic_consume(sys.argv[1], callback=arrived.append)
        print("bare batch ready", flush=True)
        while not stopping.is_set():
            with suppress(TimeoutError):
                heard.drain_events(timeout=0 if arrived else 0.2)
                while len(arrived) < BATCH:
                    heard.drain_events(timeout=0.01)
            batch, arrived[:] = arrived[:BATCH], arrived[BATCH:]
            if batch:
                publisher.publish(match(connection, [decode(NeedPublished, message.body) for message in batch]))
                channel.basic_ack(batch[-1].delivery_tag, multiple=True)
    heard.close()


if __name__ == "__main__":
    main()
