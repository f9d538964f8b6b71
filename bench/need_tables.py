"""Import a workbook with the needs of many households, beside calamine and COPY, and beside posting one by one. JSON lines.

`python -m bench.need_tables [--rows 100000] [--rounds 3]`; exits with 1 over the bound. Each part runs in a process of its own, as in
`bench.tables`, which describes the peers. *Final rows* are those that the import leaves: needs and their history, events, keys of likeness,
links, lines, audit log, rows to look at. *One by one* posts the first thousand needs as `POST /v1/needs` does, without HTTP.
"""

import argparse
import json
import os
import secrets
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

from cryptography.fernet import Fernet

from bench.tables import Final, broken, load_final, measured, peak_memory, say
from chassis.testing import postgres
from chassis.testing.templates import create_migrated
from contracts import regions

REGION = "510903"
HEADINGS = ["序号", "户编号", "物品", "数量", "单位", "理由", "同意方式"]
ITEMS = [("大米", 10, "公斤"), ("棉被", 2, "床"), ("面粉", 10, "公斤"), ("食用油", 5, "升"), ("轮椅", 1, "辆"), ("拐杖", 1, "副")]
REASONS = [
    "家中{}口人，去年秋天遭了水灾，存粮所剩无几，过冬困难",
    "老人{}岁独居，子女在外打工多年未归，行动不便",
    "主要劳力摔伤卧床{}个月，家里没有收入",
]
TABLES = ["needs", "need_history", "outbox", "need_bands", "need_links", "imported_lines", "audit.entries", "import_rows"]
ROWS_OF_ONE, ONE_BY_ONE, AT_MOST = 3, 1_000, 3.0


def household_of(number: int) -> UUID:
    return UUID(int=0x0190_0000_0000_7000_8000_0000_0000_0000 + number // ROWS_OF_ONE)


def needs(count: int) -> Iterator[list[Any]]:
    """Yield the rows of needs, three for each household; a reason is shared by some of them."""
    for number in range(count):
        item, quantity, unit = ITEMS[number % len(ITEMS)]
        reason = REASONS[number // 7 % len(REASONS)].format(number // 11 % 500)
        yield [number + 1, str(household_of(number)), item, quantity, unit, reason, "书面同意"]


def write(path: Path, rows: str) -> Iterator[None]:
    """Write a workbook of so many needs."""
    import xlsxwriter

    yield
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("需求")
        sheet.write_row(0, 0, HEADINGS)
        for at, row in enumerate(needs(int(rows)), start=1):
            sheet.write_row(at, 0, row)


def copy_cells(path: Path, url: str) -> Iterator[None]:
    """Read a workbook with calamine and copy its cells into one table without an index."""
    import psycopg
    from python_calamine import CalamineWorkbook

    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute("DROP TABLE IF EXISTS peer")
        connection.execute("CREATE TABLE peer (" + ", ".join(f"c{at} text" for at in range(len(HEADINGS))) + ")")
        connection.commit()
        yield
        rows = CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()
        with connection.cursor().copy("COPY peer FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)


def copy_final(path: Path, url: str) -> Iterator[None]:
    """Read a workbook with calamine and copy the rows that its import has left, from memory into equal tables with equal indexes."""
    from python_calamine import CalamineWorkbook

    final: list[Final] = list(load_final(url, TABLES))
    yield
    CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()
    for one in final:
        one.copy()


def work(path: Path, url: str) -> Iterator[None]:
    """Work on the import that waits, as the process does that imports tables."""
    from chassis.data.database import Database
    from chassis.imports.work import work_on_due
    from chassis.ops import gc_tuning
    from needs.imports.tables import IMPORTS

    gc_tuning.collect_rarely()
    yield
    database = Database(url, name="bench")
    if work_on_due(IMPORTS, database) != 1:
        raise SystemExit("there was no import to work on")
    database.close()


def post_one_by_one(path: Path, url: str) -> Iterator[None]:
    """Post the first needs as a request does, each in a transaction of its own."""
    from chassis.data.database import Database
    from chassis.http.auth import Caller
    from chassis.testing.fixtures import administrator_of
    from needs.actions import post_need

    database = Database(url, name="bench")
    person = administrator_of(database, REGION)
    categories = ["food.rice", "clothing.quilt", "food.flour", "food.oil", "medical.wheelchair", "medical.crutch"]
    yield
    for number, (_, household, _, quantity, _, reason, _) in enumerate(needs(ONE_BY_ONE)):
        wanted = {
            "household_id": UUID(household),
            "consent": "slip",
            "category": categories[number % len(categories)],
            "quantity": quantity,
        }
        with database.begin() as session:
            post_need(session, Caller(person.id, "staff", session), wanted | {"urgency": "normal", "reason": reason})
    database.close()


PARTS = {"write": write, "cells": copy_cells, "final": copy_final, "work": work, "one by one": post_one_by_one}


def fill(url: str, rows: int) -> None:
    """Register the households, and let the city switch on no catalogue but the national one."""
    import psycopg

    codes = (f"{REGION}{town:03d}{village:03d}" for town in range(1, 120) for village in range(1, 20))
    villages = [code for code in codes if regions.known(code)]
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        statement = "COPY households (id, version, region, is_institution, ended) FROM STDIN"
        with connection.cursor().copy(statement) as copy:
            for number in range(0, rows, ROWS_OF_ONE):
                copy.write_row((household_of(number), 1, villages[number % len(villages)], False, False))
        connection.commit()
        connection.autocommit = True
        connection.execute("ANALYZE households")


def once(server: postgres.Postgres, path: Path, rows: int) -> dict[str, tuple[float, float, float]]:
    """Run every part once, on fresh databases; return seconds, peak memory and processor seconds of each."""
    from chassis.data.database import Database
    from chassis.http.auth import Caller
    from chassis.testing.fixtures import administrator_of
    from needs.catalogue.actions import publish_catalogue
    from needs.imports import sending
    from needs.imports.model import Import

    def prepared(name: str) -> str:
        url = create_migrated(server, "needs", name)
        fill(url, rows)
        database = Database(url, name="bench")
        with database.begin() as session:
            publish_catalogue(session)
        database.close()
        return url

    took = {"one by one": part(server, "one by one", path, prepared("bench_one_by_one"))}
    url = prepared("bench_need_tables")
    took["cells"] = part(server, "cells", path, url)
    database = Database(url, name="bench")
    person = administrator_of(database, REGION)
    with database.begin() as session:
        one = sending.send_table(session, Caller(person.id, "staff", session), path.read_bytes(), {"region": REGION})
    took["check"] = part(server, "work", path, url)
    with database.begin() as session:
        sending.confirm(session, Caller(person.id, "staff", session, gave_second_factor=True), one.id, takes_doubtful=True)
    took["import"] = part(server, "work", path, url)
    with database.begin() as session:
        done = session.get_one(Import, one.id)
        if done.state != "done" or done.written.get("new") != rows:
            raise SystemExit(f"the import did not do what it should: {done.state} {done.found} {done.written} {done.problem}")
    database.close()
    took["final"] = part(server, "final", path, url)
    return took


def part(server: postgres.Postgres, name: str, path: Path, about: str) -> tuple[float, float, float]:
    return measured(server, name, path, about, module="bench.need_tables")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--about", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.part:
        prepared = PARTS[given.part](given.file, given.about)
        next(prepared)
        print("ready", flush=True)
        sys.stdin.readline()
        began, spent = time.perf_counter(), time.process_time()
        for _ in prepared:
            pass
        print(json.dumps([time.perf_counter() - began, peak_memory(), time.process_time() - spent]))
        return
    os.environ.setdefault("SEAL_KEYS", Fernet.generate_key().decode())
    os.environ.setdefault("FINGERPRINT_KEY", secrets.token_urlsafe(32))
    with TemporaryDirectory() as folder, postgres.start(durable=False) as server:
        path = Path(folder, "needs.xlsx")
        part(server, "write", path, str(given.rows))
        rounds = [once(server, path, given.rows) for _ in range(given.rounds)]
        seconds, memory, processor = (
            {name: statistics.median(one[name][place] for one in rounds) for name in rounds[0]} for place in range(3)
        )
        of = f"{given.rows} needs of a workbook of {path.stat().st_size / 1e6:.1f} MB"
        say(f"importing {of}, beside calamine and COPY of the final rows", "s", seconds["import"], seconds["final"], AT_MOST)
        say(f"checking {of}, beside calamine and COPY of the final rows", "s", seconds["check"], seconds["final"])
        beside = "processor time of process and database, beside calamine and COPY of the final rows"
        say(f"importing them, {beside}", "s", processor["import"], processor["final"])
        say("importing them, beside calamine and COPY of the cells", "s", seconds["import"], seconds["cells"])
        say("importing them, rows a second", "1/s", given.rows / seconds["import"])
        one_by_one = processor["one by one"] / min(given.rows, ONE_BY_ONE)
        say(
            "a need posted by itself, processor time beside that of an imported one",
            "ms",
            one_by_one * 1e3,
            processor["import"] / given.rows * 1e3,
        )
        say("peak memory of the import", "MB", memory["import"])
    if broken:
        sys.exit("over the bound: " + "; ".join(broken))


if __name__ == "__main__":
    main()
