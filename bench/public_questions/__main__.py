"""Ask every public question of tables of a million rows, as now and as before. JSON lines.

`python -m bench.public_questions [--rows 1000000] [--only needs users …] [--rounds 3]`. A line for each question: rows read, `peer` as they
were read before, `ratio` how many times fewer; then the same for milliseconds in the database, medians of rounds that take turns. Rows
are the same on any machine, milliseconds are not. `excess` says whether more was read than ten rows for each that was given.
"""

import argparse
import json
import os
import statistics
import time
from contextlib import nullcontext
from typing import Any

from cryptography.fernet import Fernet

os.environ.setdefault("SEAL_KEYS", Fernet.generate_key().decode())
os.environ.setdefault("KEY_ENCRYPTION_KEYS", Fernet.generate_key().decode())
os.environ.setdefault("FINGERPRINT_KEY", "bench")
os.environ.setdefault("CODE_KEYS", "bench" * 8)
os.environ.setdefault("DOOR_KEYS", "bench" * 8)

from sqlalchemy import text

from bench.public_questions.fill import fill
from bench.public_questions.former import FORMER, asked_as_before, build_indexes
from bench.public_questions.questions import GENEROUS, Question, client_of, questions
from chassis.data.database import Database
from chassis.testing import postgres
from chassis.testing.fixtures import Client
from chassis.testing.rows_read import rows_read
from chassis.testing.templates import create_and_migrate

SERVICES = ("users", "needs", "matching", "insight")
SIZES = {"cities": 20, "towns": 4, "months": 36}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=SERVICES)
    given = parser.parse_args()
    os.environ.update(GENEROUS | {"REQUEST_SECONDS": "3600"})
    with postgres.start(
        durable=False,
        settings={
            "shared_buffers": "512MB",
            "max_wal_size": "16GB",
            "wal_level": "minimal",
            "max_wal_senders": "0",
            "maintenance_work_mem": "512MB",
        },
    ) as server:
        for service in given.only:
            database = Database(create_and_migrate(server, service, service), name="bench", statement_timeout_ms=0)
            began = time.monotonic()
            with database.begin() as session:
                fill(session, service, given.rows, **SIZES)
            say(f"{service}: tables filled", time.monotonic() - began, "s", rows=given.rows, **SIZES)
            build_indexes(database, service)
            vacuum(database)
            ask_everything(service, database, given.rows, given.rounds)
            if service == "needs":
                measure_writes(database)
            database.close()
            server.drop(service)


def ask_everything(service: str, database: Database, rows: int, rounds: int) -> None:
    client, public = client_of(service, database)
    for question in questions(rows, SIZES["months"]):
        if question.operation not in public:
            continue
        now, bound = ask(client, database, question, rounds, is_former=False)
        before, _ = ask(client, database, question, 1, is_former=True) if question.operation in FORMER else (None, 0)
        name = f"{question.operation}: {question.worst}"
        excess = {"excess": True} if now[0] > bound else {}
        say(f"{name}, rows read", now[0], "rows", before and before[0], bound=bound, **excess)
        say(f"{name}, in the database", now[1], "ms", before and before[1])


def ask(client: Client, database: Database, question: Question, rounds: int, is_former: bool) -> tuple[tuple[int, float], int]:
    """Ask some times; return rows and the median milliseconds, and the bound of rows."""
    taken = []
    for _ in range(rounds):
        with asked_as_before(question.operation) if is_former else nullcontext(), rows_read(database.engine) as reading:
            answer = question.ask(client)
        taken.append((reading.rows, reading.milliseconds))
    return (taken[-1][0], statistics.median(milliseconds for _, milliseconds in taken)), question.bound(answer)


def measure_writes(database: Database) -> None:
    """Publish 1,000 needs one by one with the listings, and again without the triggers: before, four indexes took their place."""
    taken: dict[bool, list[float]] = {True: [], False: []}
    with database.begin() as session:
        ids = session.scalars(text("SELECT id FROM needs WHERE state = 'published' ORDER BY id LIMIT 1000")).all()
        session.execute(text("UPDATE needs SET state = 'posted' WHERE id = ANY(:ids)"), {"ids": ids})
        size = session.scalar(text("SELECT pg_total_relation_size('need_listings') / pg_relation_size('needs')::numeric"))
    say("needs: size of the listings beside that of the needs", float(size or 0), "times")
    for is_listed in (True, False):
        with database.begin() as session:
            session.execute(text(f"ALTER TABLE needs {'ENABLE' if is_listed else 'DISABLE'} TRIGGER USER"))
            session.execute(text("DROP INDEX IF EXISTS needs_hall, needs_category" if is_listed else "SELECT 1"))
        if not is_listed:
            build_indexes_of_needs(database)
        for one in ids[: len(ids) // 2] if is_listed else ids[len(ids) // 2 :]:
            began = time.perf_counter()
            with database.begin() as session:
                session.execute(text("UPDATE needs SET state = 'published' WHERE id = :id"), {"id": one})
            taken[is_listed].append(time.perf_counter() - began)
    now, before = (1000 * statistics.median(taken[is_listed]) for is_listed in (True, False))
    say("needs: one is published, with its commit", now, "ms", before)


def build_indexes_of_needs(database: Database) -> None:
    with database.begin() as session:
        session.execute(text("CREATE INDEX needs_hall ON needs (id) WHERE state = 'published'"))
        session.execute(text("CREATE INDEX needs_category ON needs (category, region) WHERE state = 'published'"))


def vacuum(database: Database) -> None:
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


def say(figure: str, value: float, unit: str, peer: float | None = None, **more: Any) -> None:
    ratio = None if peer is None or not value else round(peer / value, 1)
    line = {"figure": figure, "value": round(value, 2), "unit": unit, "peer": peer and round(peer, 2), "ratio": ratio}
    print(json.dumps(line | more, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
