"""Ask every question of an audit log of a million entries, and record entries in it. JSON lines.

`python -m bench.audit_log [--rows 1000000]`. A line for each question of an auditor: rows read, `bound` what it may read for what it gives,
and milliseconds in the database. Then the milliseconds of a transaction that records 1, 20 or 200 entries, beside one that records none.
"""

import argparse
import json
import os
import statistics
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from cryptography.fernet import Fernet

os.environ.setdefault("SEAL_KEYS", Fernet.generate_key().decode())
os.environ.setdefault("FINGERPRINT_KEY", "bench")

import psycopg

from bench.public_questions.questions import GENEROUS, cursor_of
from chassis.data import audit_log
from chassis.data.audit_log import OPERATOR, Entry, id_at
from chassis.data.database import Database, new_id
from chassis.testing import postgres
from chassis.testing.fixtures import Client, KnownKeys, Person, auditor_of
from chassis.testing.rows_read import rows_read
from chassis.testing.templates import create_and_migrate

SECONDS_APART = 30
SELDOM_REGIONS = ("65", "5101", "510921", "510903002", "510903001002")
BUSY, SELDOM, NOBODY = (UUID(int=number) for number in (1, 2, 3))
_ID = "(lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || lpad(to_hex(n), 19, '0'))::uuid"
FILL = f"""
    INSERT INTO audit.entries (id, at, act, outcome, actor_id, actor_kind, subject_kind, subject_id, person_id, region, details)
    SELECT {_ID}, at,
        CASE WHEN n * 100 <= %(rows)s THEN 'appoint_administrator' WHEN n %% 3 = 0 THEN 'verify_need' ELSE 'list_managed_needs' END, 'done',
        ('00000000-0000-0000-0001-' || lpad(to_hex(n %% 500), 12, '0'))::uuid, 'staff', 'need', gen_random_uuid(),
        CASE WHEN n %% 20 = 0 THEN %(busy)s WHEN n * 10000 <= %(rows)s THEN %(seldom)s ELSE gen_random_uuid() END,
        CASE WHEN n * 100 <= %(rows)s
                THEN (ARRAY['650102001001', '510104001001', '510921001001', '510903002001', '510903001002'])[1 + n %% 5]
            WHEN n %% 4 = 0 THEN '510903001001'
            WHEN n %% 4 = 2 THEN '5109' || (ARRAY['04', '23', '81'])[1 + n / 4 %% 3] || lpad((n / 20 %% 30 + 1)::text, 3, '0') || '001'
            ELSE (ARRAY['11', '13', '14', '21', '32', '33', '34', '41', '42', '43'])[1 + n / 2 %% 10] || '01'
                || lpad((n %% 9 + 1)::text, 2, '0') || lpad((n / 50 %% 40 + 1)::text, 3, '0') || '001'
        END, '{{}}'
    FROM generate_series(1, %(rows)s::bigint) AS n, LATERAL (SELECT now() - (%(rows)s - n) * interval '{SECONDS_APART} s' AS at) AS moment
"""
"""Half of all is in 5109, half of that in one village. The oldest hundredth is all there is of one act, of 65, and of a city, a county,
a town and a village beside busy ones. Each twentieth is about the same person."""


@dataclass(frozen=True)
class Question:
    """A question of somebody who audits a region."""

    name: str
    region: str = ""
    query: dict[str, Any] = field(default_factory=dict)
    conditions: int = 1
    """How many conditions narrow it besides the time; with two, entries that fulfil only one of them are read too."""

    def bound(self, given: int) -> int:
        """Return how many rows it may read: ten for each that it gives, and those of twenty minutes around a time."""
        return 10 * (1 + given) + 100


def fill(address: str, rows: int) -> None:
    """Add so many entries as the superuser, who may set their times."""
    with psycopg.connect(address.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(FILL, {"rows": rows, "busy": BUSY, "seldom": SELDOM})
        connection.execute("VACUUM ANALYZE audit.entries")


def questions(rows: int) -> list[Question]:
    """List the questions for a log of so many entries."""
    now = datetime.now(UTC)
    span = timedelta(seconds=SECONDS_APART * rows)
    deep = {"cursor": cursor_of(id_at(now - span * 0.98).int)}
    old, lately, middle = now - span * 0.999, now - span * 0.001, now - span * 0.5
    times = {
        "lately": {"since": lately.isoformat()},
        "long ago": {"until": old.isoformat()},
        "in the middle": {"since": middle.isoformat(), "until": (middle + span * 0.001).isoformat()},
    }
    found = []
    for region in ("", "51", "5109", "510903", "510903001", "510903001001", *SELDOM_REGIONS, "46"):
        where = f"region {region or 'of all'}"
        found += [
            Question(where, region),
            Question(f"{where}, a page of 100", region, {"limit": 100}),
            Question(f"{where}, deep", region, deep),
        ]
        found += [Question(f"{where}, {when}", region, query) for when, query in times.items()]
    for name, person in {"busy": BUSY, "seldom": SELDOM, "unknown": NOBODY}.items():
        asked = {"person_id": str(person)}
        found += [Question(f"{name} person", "", asked), Question(f"{name} person, deep", "", asked | deep)]
        found += [Question(f"{name} person, {when}", "", asked | query) for when, query in times.items()]
        found += [Question(f"{name} person in a province", "51", asked, 2), Question(f"{name} person in a county", "510903", asked, 2)]
    for act in ("list_managed_needs", "appoint_administrator", "nothing"):
        found += [Question(f"act {act}", "", {"act": act}), Question(f"act {act}, deep", "", {"act": act} | deep)]
        found += [Question(f"act {act} in {region}", region, {"act": act}, 2) for region in ("51", "510903", "65")]
    actor = {"actor_id": str(UUID(int=(1 << 48) + 7))}
    return [*found, Question("actor", "", actor), Question("actor, deep", "", actor | deep)]


def ask(client: Client, auditor: Person, question: Question) -> int:
    """Ask, and return how many entries were given."""
    answer = client.get("/v1/needs/audit", by=auditor, **question.query)
    if answer.status_code != 200:
        raise RuntimeError(f"{question.name} answered {answer.status_code}: {answer.text}")
    return len(answer.json["items"])


def open_client(database: Database) -> Client:
    """Return a client of needs on this database."""
    from chassis.http.app import create_app
    from needs.api import api

    keys = KnownKeys()
    return Client(create_app("needs", api, database=database, keys=keys).test_client(), keys)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows: int = parser.parse_args().rows
    os.environ.update(GENEROUS | {"REQUEST_SECONDS": "3600"})
    with postgres.start(durable=False, settings={"shared_buffers": "512MB", "max_wal_size": "16GB"}) as server:
        database = Database(create_and_migrate(server, "needs", "needs"), name="bench", statement_timeout_ms=0)
        began = time.monotonic()
        fill(server.url("needs"), rows)
        say("entries filled", time.monotonic() - began, "s", rows=rows)
        client = open_client(database)
        for question in questions(rows):
            auditor = auditor_of(database, question.region)
            with rows_read(database.engine) as reading:
                given = ask(client, auditor, question)
            excess = {"excess": True} if reading.rows > question.bound(given) else {}
            say(f"{question.name}, rows read", reading.rows, "rows", bound=question.bound(given), **excess)
            say(f"{question.name}, in the database", reading.milliseconds, "ms")
        for many in (0, 1, 20, 200):
            say(f"a transaction that records {many} entries", measure_recording(database, many), "ms")
        with database.begin() as session:
            for what in ("pg_table_size", "pg_indexes_size"):
                size = (
                    session.connection().exec_driver_sql(f"SELECT {what}('audit.entries') / count(*)::numeric FROM audit.entries").scalar()
                )
                say(f"{what} of an entry", float(size or 0), "bytes")
        database.close()


def measure_recording(database: Database, many: int) -> float:
    """Return the median milliseconds of 300 transactions that record so many entries."""
    taken = []
    for _ in range(300):
        began = time.perf_counter()
        with database.begin() as session:
            session.connection().exec_driver_sql("SELECT 1")
            entries = [
                Entry(act="list_managed_needs", subject="need", subject_id=new_id(), person_id=new_id(), region="510903001001")
            ] * many
            audit_log.record(session, OPERATOR, *entries)
        taken.append(time.perf_counter() - began)
    return 1000 * statistics.median(taken)


def say(name: str, value: float, unit: str, **more: Any) -> None:
    print(json.dumps({"metric": name, "value": round(value, 3), "unit": unit} | more), flush=True)


if __name__ == "__main__":
    main()
