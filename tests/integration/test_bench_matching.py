"""The bench of matching runs, and its ledger finds faults; speed is not judged here."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from bench.matching.ledger import Ledger, audit
from chassis.data.database import new_id
from chassis.testing.campaigns import only_whole

ROOT = Path(__file__).resolve().parents[2]
TINY = {
    "pledges": 2000, "waiting": 1000, "needs": 240, "arriving": 20, "rounds": 1, "sizes": "500,1000", "batches": 1, "samples": 2,
}  # fmt: skip


@only_whole
@pytest.mark.timeout(600)
def test_matching_bench_matches_all_needs_and_prints_peers() -> None:
    options = [word for name, value in TINY.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, "-W", "ignore", "-m", "bench.matching", *options]
    outcome = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    lines = {line["figure"]: line for line in map(json.loads, outcome.stdout.splitlines())}
    assert "load of the machine in the end" in lines, outcome.stderr[-3000:]
    for who, needs in (("ours", 240), ("faststream_one_by_one", 30), ("bare_batch", 240)):
        whole = lines[f"ledger of {who}: needs matched wholly"]
        assert whole["value"] == whole["asked"] == needs
        assert whole["matches"] >= needs
        assert lines[f"ledger of {who}: matches told otherwise than once"]["value"] == 0
        assert lines[f"ledger of {who}: needs and pledges over-allocated"]["value"] == 0
    compared = [line for line in lines.values() if line["ratio"] is not None]
    assert {line["figure"] for line in compared} == {
        "pipeline, beside faststream_one_by_one",
        "pipeline, beside bare_batch",
        "pipeline, time of its own, beside faststream_one_by_one",
        "pipeline, time of its own, beside bare_batch",
        "through the broker, 100 events a message",
        "through the broker, 100 events a message, time of its own",
        "growth: from 500 to 1,000 open pledges",
        "growth: nine used up beside each of 500 open pledges",
    }
    broken = [line["figure"] for line in compared if not line.get("at_least", 0) <= line["ratio"] <= line.get("at_most", 1e9)]
    assert outcome.returncode == (1 if broken else 0)
    assert all(figure in outcome.stderr for figure in broken)


class Book:
    """Make one need of ten units, one pledge of thirty, their matches, and the events about them."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self.need, self.pledge, self.told = new_id(), new_id(), list[bytes]()
        at, self._somebody = datetime.now(UTC), new_id()
        connection.execute(
            "INSERT INTO needs (id, version, household_id, poster_id, region, category, unit, urgency, quantity, rest, ended, posted_at)"
            " VALUES (%s, 2, %s, %s, '510903001001', 'food.rice', 'kg', 1, 10, 10, false, %s)",
            [self.need, self._somebody, self._somebody, at],
        )
        connection.execute(
            "INSERT INTO pledges (id, version, pledger_id, category, unit, scope, quantity, rest, ended, valid_until, offered_at, releases)"
            " VALUES (%s, 1, %s, 'food.rice', 'kg', '5109', 30, 30, false, %s, %s, 0)",
            [self.pledge, self._somebody, at, at],
        )

    def match(self, quantity: int, *, times_told: int = 1, set_aside: bool = True) -> UUID:
        match = new_id()
        self.connection.execute(
            "INSERT INTO matches (id, version, need_id, pledge_id, household_id, poster_id, pledger_id, region, category, unit, quantity,"
            " state, reasons, barred, proposed_at, answer_by)"
            " VALUES (%s, 1, %s, %s, %s, %s, %s, '510903001001', 'food.rice', 'kg', %s, 'proposed', '[]', false, now(), now())",
            [match, self.need, self.pledge, *3 * [self._somebody], quantity],
        )
        if set_aside:
            for table, thing in (("needs", self.need), ("pledges", self.pledge)):
                self.connection.execute(f"UPDATE {table} SET rest = greatest(0, rest - %s) WHERE id = %s", [quantity, thing])
        stated = {"match_id": match, "need_id": self.need, "pledge_id": self.pledge, "quantity": quantity}
        self.told += times_told * [json.dumps(stated, default=str).encode()]
        return match

    def audit(self) -> Ledger:
        return audit(self.connection, "need", [self.need], self.told)


@pytest.fixture
def book(database_of: Callable[[str, str], str]) -> Iterator[Book]:
    with psycopg.connect(database_of("matching", "bench_ledger").replace("+psycopg", "")) as connection:
        yield Book(connection)


def test_the_ledger_finds_a_right_book_right(book: Book) -> None:
    book.match(4)
    book.match(6)
    assert book.audit() == Ledger(asked=1, whole=1, told=2, told_otherwise_than_once=0, over_allocated=0)


def test_the_ledger_finds_a_need_that_got_too_little(book: Book) -> None:
    book.match(9)
    assert book.audit().whole == 0


def test_the_ledger_finds_a_need_that_got_too_much(book: Book) -> None:
    book.match(10)
    book.match(1)
    assert book.audit().over_allocated == 1


def test_the_ledger_finds_what_was_not_set_aside(book: Book) -> None:
    book.match(10, set_aside=False)
    assert book.audit().over_allocated == 2


@pytest.mark.parametrize("times_told", [0, 2])
def test_the_ledger_finds_a_match_that_was_not_told_once(book: Book, times_told: int) -> None:
    book.match(10, times_told=times_told)
    assert book.audit().told_otherwise_than_once == 1
