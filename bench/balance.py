"""The cost of the balance and the audit on a large book. JSON lines.

`python -m bench.balance [--rows 1000000] [--rounds 9] [--plans]`: as many needs, pledges and matches each, and their
events. The cost of the notes is a median over rounds that take turns with the triggers off. Absolute figures depend on the machine.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

os.environ.setdefault("SEAL_KEYS", "bench")
os.environ.setdefault("FINGERPRINT_KEY", "bench")

from sqlalchemy import text

from chassis.data.database import Database, new_id, now
from chassis.messaging import journal
from chassis.testing import postgres
from chassis.testing.templates import create_and_migrate
from contracts.needs import NeedPublished
from matching.balance import actions as keeping
from matching.balance import publication
from matching.balance import queries as asking
from matching.checks.actions import CHECKS, run_checks
from matching.clearing import actions as clearing
from matching.intake import actions as booking

# Six of ten needs are met whole by a pledge, two lapsed and wait, two wait; what is open of pledges is for another province. Ids are the
# number's digest, so that a match finds its sides.
_ID = "md5('{what}' || n)::uuid"
_REGION = "'51' || lpad((n % 183)::text, 4, '0') || lpad((n / 183 % 23)::text, 3, '0') || lpad((n / 4209 % 20)::text, 3, '0')"
_FILL = (
    "INSERT INTO categories SELECT 'food.item' || n, 'kg' FROM generate_series(0, 49) AS n",
    f"""
    INSERT INTO needs (id, version, household_id, poster_id, region, category, unit, urgency, quantity, rest, ended, posted_at,
        published_at)
    SELECT {_ID.format(what="need")}, 2, gen_random_uuid(), gen_random_uuid(), {_REGION}, 'food.item' || n % 50, 'kg', 1 + n % 2, 10,
        CASE WHEN n % 10 < 6 THEN 0 ELSE 10 END, false, now() - interval '9 days', now() - interval '8 days'
    FROM generate_series(1, CAST(:rows AS bigint)) AS n
    """,
    f"""
    INSERT INTO pledges (id, version, pledger_id, category, unit, scope, quantity, rest, ended, valid_until, offered_at, releases)
    SELECT {_ID.format(what="pledge")}, 1, gen_random_uuid(), 'food.item' || n % 50, 'kg',
        CASE WHEN n % 10 < 6 THEN '51' ELSE '33' || lpad((n % 9000)::text, 4, '0') END, 10, CASE WHEN n % 10 < 6 THEN 0 ELSE 10 END, false,
        now() + interval '30 days', now() - n * interval '1 second', 0
    FROM generate_series(1, CAST(:rows AS bigint)) AS n
    """,
    f"""
    INSERT INTO matches (id, version, need_id, pledge_id, household_id, poster_id, pledger_id, region, category, unit, quantity, state,
        reasons, barred, proposed_at, answer_by, answered_at)
    SELECT {_ID.format(what="match")}, 1 + (n % 10 > 0)::integer, {_ID.format(what="need")}, {_ID.format(what="pledge")},
        gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), {_REGION}, 'food.item' || n % 50, 'kg', 10,
        CASE WHEN n % 10 = 0 THEN 'proposed' WHEN n % 10 < 6 THEN 'accepted' ELSE 'lapsed' END, '[]', n % 10 > 5,
        now(), now() + interval '3 days', CASE WHEN n % 10 > 0 THEN now() END
    FROM generate_series(1, CAST(:rows AS bigint)) AS n
    """,
    """
    INSERT INTO movements (match_id, kind, quantity, version, at) SELECT id, 'promised', quantity, 2, answered_at FROM matches
    WHERE state = 'accepted'
    """,
    """
    INSERT INTO journal (id, name, teller, subject, version, recorded_at, body, told_at)
    SELECT gen_random_uuid(), event.name, 'matching', id, event.version, now(), '{}', now() FROM matches, LATERAL (
        VALUES ('match_proposed', 1), ('match_' || state, version)) AS event (name, version) WHERE event.version = 1 OR state <> 'proposed'
    """,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--plans", action="store_true", help="show how PostgreSQL answers each check")
    given = parser.parse_args()
    with postgres.start(durable=False) as server:
        database = Database(create_and_migrate(server, "matching", "balance"), name="bench", statement_timeout_ms=0)
        fill(database, given.rows)
        say(
            "balance: read a region and a category",
            "ms",
            1000 * timed(database, lambda session: asking.load_balance(session, "510903", "food"), 50),
        )
        say("balance: read what is most wanting", "ms", 1000 * timed(database, asking.list_most_wanting, 50))
        say("balance: read it in a province", "ms", 1000 * timed(database, lambda session: asking.list_most_wanting(session, "51"), 20))
        tell(database)
        prove(database, given.rows, given.plans)
        share_of_notes(database, given.rounds)
        database.close()


def say(figure: str, unit: str, value: float, **more: Any) -> None:
    print(json.dumps({"figure": figure, "value": round(value, 2), "unit": unit, **more}), flush=True)


def timed(database: Database, act: Callable[[Any], object], times: int = 1) -> float:
    """Return the median seconds of one act with its commit."""
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        with database.begin() as session:
            act(session)
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def fill(database: Database, rows: int) -> None:
    with database.begin() as session:
        journal.maintain_partitions(session, days_kept=90)
        for statement in _FILL:
            session.execute(text(statement), {"rows": rows} if ":rows" in statement else {})
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    say("balance: a book of so many needs is added up from nothing", "s", add_up(database), rows=rows)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


def add_up(database: Database) -> float:
    """Update the balance until no notes are left; return the seconds."""
    began = time.perf_counter()
    notes = 0
    while True:
        with database.begin() as session:
            taken = keeping.update_balance(session)
        notes += taken
        if not taken:
            seconds = time.perf_counter() - began
            say("balance: notes added up", "notes/s", notes / seconds, notes=notes)
            return seconds


def tell(database: Database) -> None:
    say("balance: 500 figures told", "ms", 1000 * timed(database, publication.publish_changed_balances, 5))


def share_of_notes(database: Database, rounds: int) -> None:
    """Compare booking and clearing 500 needs with the triggers on and off, in turns."""
    luck = Random(1)
    with_notes: list[float] = []
    without: list[float] = []
    for _ in range(rounds):
        for state, found in (("DISABLE", without), ("ENABLE", with_notes)):
            with database.begin() as session:
                for table in ("needs", "pledges", "matches"):
                    session.execute(text(f"ALTER TABLE {table} {state} TRIGGER USER"))
            found.append(timed(database, lambda session: booking.book_needs(session, needs(luck))))
            found[-1] += timed(database, lambda session: clearing.clear(session, timedelta(days=3)))
    price = statistics.median(noted / bare for noted, bare in zip(with_notes, without, strict=True))
    say(
        "balance: 500 needs booked and cleared",
        "ms",
        1000 * statistics.median(with_notes),
        without=1000 * statistics.median(without),
        ratio=price,
    )


def needs(luck: Random) -> list[NeedPublished]:
    at = now()
    return [
        NeedPublished(
            version=2, need_id=new_id(), household_id=new_id(), account_id=None, poster_id=new_id(),
            region=f"33{luck.randrange(9000):04}{luck.randrange(30):03}{luck.randrange(20):03}", category=f"food.item{luck.randrange(50)}",
            unit="kg", quantity=luck.randint(1, 20), urgency="normal", posted_at=at, published_at=at,
        )
        for _ in range(500)
    ]  # fmt: skip


def prove(database: Database, rows: int, plans: bool) -> None:
    with database.begin() as session:
        for finding in run_checks(session):
            say(f"audit: {finding.check.code}", "s", finding.seconds, rows=rows, holds=finding.row is None)
    if plans:
        with database.begin() as session:
            for check in CHECKS:
                plan = session.execute(
                    text("EXPLAIN (ANALYZE, COSTS OFF, SUMMARY OFF) " + check.statement), check.parameters(session, None)
                )
                print(check.code, *plan.scalars(), sep="\n", flush=True)


if __name__ == "__main__":
    main()
