"""The speed of insight at national scale, with a year of a million needs in 310,000 villages: `python -m bench.insight [--needs …]`.

Prints JSON lines: seconds of filling and counting, p50 and p99 of each kind of question, and the sizes of the tables.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any

from sqlalchemy import text

from chassis.data.database import Database
from chassis.testing import postgres
from chassis.testing.templates import create_and_migrate
from contracts import regions

ASKED = [("", "month"), ("", "day"), ("51", "month"), ("51", "day"), ("5109", "month"), ("510903", "day"), ("510903001", "day")]
FILL = (
    "CREATE TEMP TABLE villages AS SELECT code, row_number() OVER () AS number FROM unnest(CAST(:villages AS text[])) AS code",
    "CREATE TEMP TABLE counties AS SELECT code, row_number() OVER () AS number FROM unnest(CAST(:counties AS text[])) AS code",
    """
    INSERT INTO people (id, version, kind, region, day, counted)
    SELECT gen_random_uuid(), 1, (ARRAY['donor', 'donor', 'merchant', 'organisation', 'volunteer'])[1 + one % 5], code,
        date '2025-01-01' + CAST(random() * 364 AS int), NULL
    FROM generate_series(1, :people) AS one JOIN counties ON number = 1 + one % (SELECT count(*) FROM counties)
    """,
    """
    INSERT INTO needs (id, region, quantity, value, day, urgency, version, state, ended_on)
    SELECT gen_random_uuid(), code, 10, 100 * CAST(random() * 5000 AS int), date '2025-01-01' + CAST(random() * 364 AS int),
        (ARRAY[1, 1, 1, 2, 4])[1 + one % 5], 0, NULL, NULL
    FROM generate_series(1, :needs) AS one JOIN villages ON number = 1 + one * 7 % (SELECT count(*) FROM villages)
    """,
    """
    INSERT INTO matches (id, version, need_id, pledger_id, quantity, state, accepted_on)
    SELECT gen_random_uuid(), 2, need.id, person.id, 1 + CAST(random() * 9 AS int), 'accepted',
        need.day + CAST(random() * random() * 60 AS int)
    FROM (SELECT *, row_number() OVER () AS number FROM needs) AS need
    JOIN (SELECT id, row_number() OVER () AS number FROM people) AS person ON person.number = need.number % :people + 1
    WHERE need.number % 10 < 7
    """,
    "INSERT INTO acts (person_id, day) SELECT DISTINCT pledger_id, accepted_on FROM matches",
    "INSERT INTO stale (kind, thing) SELECT 'need', id FROM needs UNION ALL SELECT 'person', id FROM people",
    "ANALYZE",
)


def report(**said: Any) -> None:
    print(json.dumps(said), flush=True)


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def count_all(database: Database) -> int:
    from insight import counting

    words = 0
    while True:
        with database.begin() as session:
            if not (done := counting.count_stale(session)):
                return words
            words += done


class Everywhere:
    """A caller who manages every region."""

    def manages(self, region: str) -> bool:
        return True


def ask(database: Database, region: str, by: Any) -> None:
    from insight.rates import compute_rates

    caller: Any = Everywhere()
    with database.begin() as session:
        compute_rates(session, caller, region, date(2025, 1, 1), date(2025, 12, 31), by)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--needs", type=int, default=1_000_000)
    parser.add_argument("--people", type=int, default=1_000_000)
    given = parser.parse_args()
    codes = [code for code, _ in regions.rows()]
    stated = {"needs": given.needs, "people": given.people}
    places = {"villages": [code for code in codes if len(code) == 12][::2], "counties": [code for code in codes if len(code) == 6]}
    with postgres.start(durable=False, settings={"shared_buffers": "512MB"}) as server:
        database = Database(create_and_migrate(server, "insight", "insight"), name="bench", statement_timeout_ms=3_600_000)
        with database.begin() as session:
            for step in FILL:
                known = {name: value for name, value in (stated | places).items() if f":{name}" in step}
                took = timed(partial(session.execute, text(step), known))
                report(filled=" ".join(step.split()[:3]), seconds=round(took, 1))
        started = time.perf_counter()
        words = count_all(database)
        report(counted=words, per_second=round(words / (time.perf_counter() - started)), villages=len(places["villages"]))
        with database.begin() as session:
            session.execute(text("ANALYZE"))
            for table in ("own", "totals", "needs", "matches", "people", "acts"):
                size, rows = session.execute(text(f"SELECT pg_total_relation_size('{table}') / 1048576, count(*) FROM {table}")).one()
                report(table=table, rows=rows, megabytes=int(size))
        for region, by in ASKED:
            seconds = sorted(timed(partial(ask, database, region, by)) for _ in range(40))
            report(region=region, by=by, p50_ms=round(1000 * statistics.median(seconds), 1), worst_of_40_ms=round(1000 * seconds[-1], 1))
        database.close()


if __name__ == "__main__":
    main()
