"""Matching without its architecture: the same SQL and the same solver in one script, batch after batch.

`python -m bench.peers.bare_batch <queue>`, with `MATCHING_DATABASE_URL` and `BROKER_URL`. A batch of up to 500 needs is entered, matched
and committed in one transaction; the matches are published with pipelined confirms, then the needs are acknowledged. No inbox, no outbox,
no list of what is to be cleared, no journal, no traces: a crash loses matches' events or does things twice.
"""

import os
import signal
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import amqp
import kombu
import psycopg
from msgspec import to_builtins
from psycopg.rows import namedtuple_row
from psycopg.types.json import Jsonb

from chassis.database import new_id
from contracts.event import decode, encode
from contracts.matching import MatchProposed
from contracts.needs import NeedPublished
from matching.actions import URGENCY
from matching.allocation import Asked, Offered, allocate, keys_of
from matching.reasons import reasons_for

BATCH = 500
NEEDS = (
    "INSERT INTO needs (id, version, household_id, account_id, poster_id, region, category, unit, urgency, quantity, rest, ended,"
    " posted_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 0, false, %s) ON CONFLICT (id) DO NOTHING"
)
PLEDGES = """
    SELECT pledge.*
    FROM unnest(%(categories)s::text[], %(units)s::text[], %(scopes)s::text[]) AS key (category, unit, scope), LATERAL (
        SELECT id, pledger_id, category, unit, scope, rest, valid_until FROM pledges
        WHERE category = key.category COLLATE "C" AND unit = key.unit AND scope = key.scope COLLATE "C"
          AND NOT ended AND rest > 0 AND valid_until > now()
        ORDER BY offered_at LIMIT 200 FOR UPDATE SKIP LOCKED
    ) AS pledge
"""
SET_ASIDE = (
    "UPDATE pledges SET rest = rest - part.quantity FROM unnest(%(ids)s::uuid[], %(quantities)s::bigint[]) AS part (id, quantity)"
    " WHERE pledges.id = part.id AND NOT ended AND rest >= part.quantity"
)
MATCHES = (
    "INSERT INTO matches (id, version, need_id, pledge_id, household_id, account_id, poster_id, pledger_id, region, category, unit,"
    " quantity, state, reasons, barred, proposed_at, answer_by)"
    " VALUES (%s, 1, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'proposed', %s, false, %s, %s)"
)


def match(connection: psycopg.Connection[Any], needs: Sequence[NeedPublished]) -> list[MatchProposed]:
    """One transaction: enter the needs and set the best pledges aside for them."""
    at = datetime.now(UTC)
    asked = {
        need.need_id: Asked(
            need.need_id, need.category, need.unit, need.region, URGENCY[need.urgency], (at - need.posted_at).days, need.quantity
        )
        for need in needs
    }
    need_of = {need.need_id: need for need in needs}
    keys = sorted({key for one in asked.values() for key in keys_of(one)})
    categories, units, scopes = (list(column) for column in zip(*keys, strict=True))
    with connection.transaction():
        with connection.cursor() as cursor:
            cursor.executemany(NEEDS, [_row(need) for need in needs])
        rows = connection.execute(PLEDGES, {"categories": categories, "units": units, "scopes": scopes}).fetchall()
        pledge_of = {row.id: row for row in rows}
        shares = allocate(list(asked.values()), [Offered(row.id, (row.category, row.unit, row.scope), row.rest) for row in rows])
        matches = []
        for share in shares:
            need, pledge = need_of[share.need], pledge_of[share.pledge]
            matches.append(
                MatchProposed(
                    version=1, match_id=new_id(), need_id=need.need_id, pledge_id=pledge.id, household_id=need.household_id,
                    account_id=need.account_id, poster_id=need.poster_id, pledger_id=pledge.pledger_id, region=need.region,
                    category=need.category, unit=need.unit, quantity=share.quantity, proposed_at=at,
                    reasons=reasons_for(asked[share.need], (pledge.category, pledge.unit, pledge.scope), share.quantity),
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
        with connection.cursor() as cursor:
            cursor.executemany(MATCHES, [_match_row(one) for one in matches])
    return matches


def _row(need: NeedPublished) -> tuple[Any, ...]:
    return (
        need.need_id, need.version, need.household_id, need.account_id, need.poster_id, need.region, need.category, need.unit,
        URGENCY[need.urgency], need.quantity, need.posted_at,
    )  # fmt: skip


def _match_row(one: MatchProposed) -> tuple[Any, ...]:
    return (
        one.match_id, one.need_id, one.pledge_id, one.household_id, one.account_id, one.poster_id, one.pledger_id, one.region, one.category,
        one.unit, one.quantity, Jsonb(to_builtins(one.reasons)), one.proposed_at, one.answer_by,
    )  # fmt: skip


class Teller:
    """Publishes with pipelined confirms."""

    def __init__(self, connection: amqp.Connection) -> None:
        self._connection, self._channel, self._tag = connection, connection.channel(), 0
        self._open: set[int] = set()
        self._channel.confirm_select()
        self._channel.events["basic_ack"].add(self._confirm)

    def tell(self, matches: Sequence[MatchProposed]) -> None:
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
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    url = os.environ["BROKER_URL"]
    heard = kombu.Connection(url).transport.establish_connection()
    teller = Teller(kombu.Connection(url).transport.establish_connection())
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
                teller.tell(match(connection, [decode(NeedPublished, message.body) for message in batch]))
                channel.basic_ack(batch[-1].delivery_tag, multiple=True)
    heard.close()


if __name__ == "__main__":
    main()
