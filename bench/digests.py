"""Gather a million notices into one message for each person, beside one person after the other. JSON lines.

`python -m bench.digests [--notices 1000000] [--each 10]`. The peer does the same as a program does that knows no set-based statement: it
asks for the due messages of one person, ends all but the first, and goes on. It does the people of half a minute, and is extrapolated.
"""

import argparse
import json
import os
import time

from cryptography.fernet import Fernet

os.environ.setdefault("SEAL_KEYS", Fernet.generate_key().decode())
os.environ.setdefault("FINGERPRINT_KEY", "bench")

from sqlalchemy import text

from chassis.data.database import Database
from chassis.testing import postgres
from chassis.testing.templates import create_and_migrate
from notify.messages import manners

PEER_SECONDS = 30
_NOTICES = text(
    """
    INSERT INTO notices (id, version, recipient_id, kind, side, about, about_version, facts, channel, state, created_at)
    SELECT gen_random_uuid(), 1, ('00000000-0000-0000-0001-' || lpad(to_hex(n % :people), 12, '0'))::uuid, 'match_refused', 'giver',
        gen_random_uuid(), 1, '{"category": "food.rice", "unit": "kg", "quantity": 50, "reason": "too_far", "region": "510903100"}',
        'in_app', 'delivered', now()
    FROM generate_series(1, :notices) AS n
    """
)
_MESSAGES = text(
    """
    INSERT INTO messages
        (id, notice_id, recipient_id, channel, "then", kind, priority, state, attempts, doubts, created_at, due_at, expires_at)
    SELECT gen_random_uuid(), id, recipient_id, 'email', '{}', kind, 3, 'created', 0, 0, now(), now(), now() + interval '3 days'
    FROM notices
    """
)
_NEXT = text("SELECT recipient_id FROM messages WHERE settled_at IS NULL AND priority = 3 AND due_at <= now() ORDER BY due_at LIMIT 1")
_MINE = text(
    "SELECT messages.id FROM messages JOIN notices ON notices.id = notice_id WHERE messages.recipient_id = :person"
    " AND settled_at IS NULL AND priority = 3 AND read_at IS NULL ORDER BY messages.id FOR UPDATE OF messages"
)
_CARRY = text("UPDATE messages SET digest_id = id, priority = 2 WHERE id = :id")
_END = text(
    "UPDATE messages SET digest_id = :digest, priority = 2, state = 'withdrawn', reason = 'gathered', settled_at = now() WHERE id = :id"
)
_COUNT = text("SELECT count(*) FILTER (WHERE settled_at IS NULL), count(*) FROM messages WHERE digest_id IS NOT NULL")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--notices", type=int, default=1_000_000)
    parser.add_argument("--each", type=int, default=10, help="notices of each person")
    options = parser.parse_args()
    people = options.notices // options.each
    with postgres.start(durable=False, settings={"shared_buffers": "512MB", "max_wal_size": "16GB"}) as server:
        database = Database(create_and_migrate(server, "notify", "notify"), name="bench", statement_timeout_ms=0)
        _fill(database, options.notices, people)
        one_by_one = _gather_one_by_one(database)
        _fill(database, options.notices, people)
        began, looked_at = time.perf_counter(), 0
        while found := _gather(database):
            looked_at += found
        seconds = time.perf_counter() - began
        with database.begin() as session:
            digests, gathered = session.execute(_COUNT).one()
        assert (digests, gathered, looked_at) == (people, options.notices, options.notices)
        said = {
            "notices": looked_at,
            "digests": digests,
            "seconds": round(seconds, 1),
            "a_second": round(looked_at / seconds),
        }
        print(json.dumps(said | {"one_by_one_a_second": round(one_by_one), "ratio": round(looked_at / seconds / one_by_one, 1)}))
        database.close()


def _gather(database: Database) -> int:
    with database.begin() as session:
        return manners.gather(session)


def _fill(database: Database, notices: int, people: int) -> None:
    with database.begin() as session:
        session.execute(text("TRUNCATE notices, messages CASCADE"))
        session.execute(_NOTICES, {"notices": notices, "people": people})
        session.execute(_MESSAGES)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE messages, notices"))


def _gather_one_by_one(database: Database) -> float:
    """Gather for half a minute; return the messages of a second."""
    began, messages = time.perf_counter(), 0
    while time.perf_counter() - began < PEER_SECONDS:
        with database.begin() as session:
            person = session.scalar(_NEXT)
            if person is None:
                break
            first, *others = session.scalars(_MINE, {"person": person})
            session.execute(_CARRY, {"id": first})
            for one in others:
                session.execute(_END, {"digest": first, "id": one})
            messages += 1 + len(others)
    return messages / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
