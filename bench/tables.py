"""Import a workbook of many households, beside calamine and COPY. JSON lines; exits with 1 over a bound.

`python -m bench.tables [--rows 100000] [--rounds 3]`. Each part runs in a process of its own, so that its peak memory is its own. `ratio`
is the median over rounds in which all sides take turns. Absolute figures depend on the machine. There are two peers:

- *calamine and COPY of the final rows*: calamine reads the same workbook. Then psycopg's `write_row` copies the very rows that the import
  has left in every table (households, versions, outbox, audit log, rows to look at, personal keys in their own database) into equal tables
  with equal indexes and checks, without foreign keys. The rows lie in memory, encrypted and encoded: the peer computes none of them.
- *calamine and COPY of the cells*: calamine reads the workbook, and `write_row` copies its cells into one table without an index.
"""

import argparse
import json
import os
import secrets
import statistics
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psutil
from cryptography.fernet import Fernet
from stdnum.cn import ric

from chassis.testing import postgres
from chassis.testing.templates import create_migrated
from contracts import regions

if TYPE_CHECKING:
    import psycopg

REGION = "510903"
HEADINGS = ["序号", "户主姓名", "身份证号", "联系电话", "所在村代码", "家庭人口", "住址", "状态"]
SURNAMES, NAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗", "秀英守田志强桂兰建国玉梅明华春燕永福"
AT_MOST, FLAT = 3.0, 1.5
broken: list[str] = []


def households(count: int) -> Iterator[list[str]]:
    """Yield the rows of households with valid numbers; every tenth shares its telephone with the one before."""
    codes = (f"{REGION}{town:03d}{village:03d}" for town in range(1, 120) for village in range(1, 20))
    villages = [code for code in codes if regions.known(code)]
    for number in range(count):
        village = villages[number % len(villages)]
        born = f"{1940 + number // 1000 % 60}{1 + number % 12:02d}{1 + number % 28:02d}"
        digits = f"{510900 + number // 60_000 % 80:06d}{born}{number % 1000:03d}"
        name = SURNAMES[number % len(SURNAMES)] + NAMES[number // 7 % len(NAMES)] + NAMES[number // 3 % len(NAMES)]
        phone = f"138{(number - (number % 10 == 1)):08d}"
        address = f"{number % 12 + 1}组{number % 300 + 1}号"
        yield [
            str(number + 1),
            name,
            digits + str(ric.calc_check_digit(digits + "0")),
            phone,
            village,
            str(1 + number % 6),
            address,
            "在册",
        ]


def write(path: Path, rows: str) -> Iterator[None]:
    """Write a workbook of so many households as spreadsheets do, with shared texts."""
    import xlsxwriter

    yield
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("名册")
        sheet.write_row(0, 0, HEADINGS)
        for at, row in enumerate(households(int(rows)), start=1):
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

    final = [one for address, names in tables_of(url).items() for one in load_final(address, names)]
    yield
    count = len(final[0].rows)
    with cost("calamine", count):
        CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()
    for one in final:
        with cost(f"COPY of the final rows of {one.table.removeprefix('like_')}", count):
            one.copy()


def tables_of(url: str) -> dict[str, list[str]]:
    """Return the tables that an import of households fills, by the address of their database."""
    return {
        url: ["households", "household_versions", "outbox", "audit.entries", "import_rows"],
        os.environ["USERS_KEYS_DATABASE_URL"]: ["person_keys"],
    }


@dataclass
class Final:
    """The rows of one table, in memory, and an empty table like it."""

    connection: "psycopg.Connection[Any]"
    table: str
    columns: list[str]
    rows: list[tuple[Any, ...]]

    def copy(self) -> None:
        """Copy the rows and commit."""
        with self.connection.cursor().copy(f"COPY {self.table} ({', '.join(self.columns)}) FROM STDIN") as copy:
            for row in self.rows:
                copy.write_row(row)
        self.connection.commit()


def load_final(url: str, names: list[str]) -> Iterator[Final]:
    """Load the rows of tables, and make an empty table like each: with its indexes, checks and defaults."""
    import psycopg

    connection = psycopg.connect(url.replace("+psycopg", ""))
    for name in names:
        like = "like_" + name.replace(".", "_")
        connection.execute(f"DROP TABLE IF EXISTS {like}")
        connection.execute(f"CREATE TABLE {like} (LIKE {name} INCLUDING ALL)")
        stated = "SELECT attname, atttypid = 'jsonb'::regtype FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
        # The database computes generated columns itself.
        found = connection.execute(f"{stated} AND NOT attisdropped AND attgenerated = '' ORDER BY attnum", (name,)).fetchall()
        read = ", ".join(f'"{column}"::text' if is_json else f'"{column}"' for column, is_json in found)
        # Keys of earlier rounds stay in their database.
        newest = f"WHERE created_at >= timestamptz '{os.environ['BENCH_SINCE']}'" if name == "person_keys" else ""
        rows = connection.execute(f"SELECT {read} FROM {name} {newest}").fetchall()
        yield Final(connection, like, [f'"{column}"' for column, _ in found], rows)
    connection.commit()


def costs(path: Path, url: str) -> Iterator[None]:
    """Do each part of an import by itself, with the first rows."""
    from chassis.data.encryption import encrypted_models
    from chassis.data.personal_keys import personal_keys
    from chassis.tables.reading import open_table
    from contracts.event import encode
    from users.households.actions import new_household_row
    from users.households.events import household_registered
    from users.imports.kinds import KINDS
    from users.imports.lines import Line, LineReader

    kind, [model] = KINDS["households"], [one for one in encrypted_models("users") if one.table.name == "households"]
    reader, count = LineReader(kind.schema, kind.defaults_for(REGION), Line), 10_000
    personal_keys("users").make([])
    yield
    with path.open("rb") as file, cost("reading", count):
        rows = list(islice(open_table(file, kind.columns_for(REGION)).rows, count))
    with cost("checking the values, with two fingerprints", count):
        lines = [reader.read(row) for row in rows]
    with cost("making the row", count):
        made = [new_household_row(line.wanted, None, None, line.fingerprints) for line in lines]
    with cost("making, wrapping and storing a key", count):
        personal_keys("users").make([one.id for one in made])
    with cost("encrypting four values", count):
        deque(model.encrypt_new([vars(one) for one in made]), maxlen=0)
    with cost("making and encoding the event", count):
        deque((encode(household_registered(one)) for one in made), maxlen=0)


@contextmanager
def cost(of: str, rows: int) -> Iterator[None]:
    """Say what the block costs for each row: its time, and the processor time of this process, without the database's."""
    began, spent = time.perf_counter(), time.process_time()
    yield
    spent, took = time.process_time() - spent, time.perf_counter() - began
    say(f"cost of {of}", "µs a row", took / rows * 1e6, processor=round(spent / rows * 1e6, 2))


def read(path: Path, url: str) -> Iterator[None]:
    """Read a workbook with the one reader."""
    from chassis.tables.reading import open_table
    from users.imports.columns import HOUSEHOLDS

    yield
    with path.open("rb") as file:
        if any(row.faults for row in open_table(file, HOUSEHOLDS).rows):
            raise SystemExit("a good row was refused")


def work(path: Path, url: str) -> Iterator[None]:
    """Work on the import that waits, as the process does that imports tables."""
    from chassis.data.database import Database
    from chassis.imports.work import work_on_due
    from chassis.ops import gc_tuning
    from users.imports.kinds import IMPORTS

    gc_tuning.collect_rarely()
    yield
    database = Database(url, name="bench")
    if work_on_due(IMPORTS, database) != 1:
        raise SystemExit("there was no import to work on")
    database.close()


PARTS: dict[str, Callable[[Path, str], Iterator[None]]] = {
    "write": write, "cells": copy_cells, "final": copy_final, "read": read, "work": work, "costs": costs,
}  # fmt: skip
"""Each part prepares itself, yields, and does what is measured."""


def send(url: str, path: Path) -> UUID:
    """Store the workbook in the name of the township's administrator."""
    from chassis.data.database import Database
    from chassis.http.auth import Caller
    from chassis.testing.fixtures import administrator_of
    from users.imports import actions

    database = Database(url, name="bench")
    person = administrator_of(database, REGION)
    with database.begin() as session:
        caller = Caller(person.id, "staff", session)
        one = actions.send_table(session, caller, path.read_bytes(), {"kind": "households", "region": REGION})
    database.close()
    return one.id


def confirm(url: str, import_id: UUID) -> None:
    """Confirm an import as whoever sent it."""
    from chassis.data.database import Database
    from chassis.http.auth import Caller
    from users.imports import actions
    from users.imports.model import Import

    database = Database(url, name="bench")
    with database.begin() as session:
        actions.confirm(session, Caller(session.get_one(Import, import_id).created_by, "staff", session), import_id, False)
    database.close()


def counted(url: str, import_id: UUID) -> dict[str, Any]:
    """Return state and counts of an import."""
    from chassis.data.database import Database
    from users.imports.model import Import

    database = Database(url, name="bench")
    with database.begin() as session:
        one = session.get_one(Import, import_id)
        said = {"state": one.state, "rows": one.rows, "found": one.found, "written": one.written, "problem": one.problem}
    database.close()
    return said


def peak_memory() -> float:
    """Return the most memory that this process had at once, in MB; `getrusage` would count the process before it, too."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def measured(
    server: postgres.Postgres, part: str, path: Path, about: str, says: bool = False, module: str = "bench.tables"
) -> tuple[float, float, float]:
    """Run a part of a bench in a process of its own.

    Return seconds, peak memory in MB, and processor seconds of the process and the database; none of them with the preparation.
    """
    command = [sys.executable, "-W", "ignore", "-m", module, "--part", part, "--file", str(path), "--about", about]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as process:
        out, ready = process.stdout, process.stdin
        if out is None or ready is None:
            raise SystemExit("there is no pipe")
        out.readline()
        before = processor_seconds(server)
        ready.write("\n")
        ready.close()
        *said, last = out.read().splitlines()
    if process.returncode:
        raise SystemExit(f"{part} failed")
    if says:
        print("\n".join(said), flush=True)
    seconds, peak, spent = json.loads(last)
    return seconds, peak, spent + processor_seconds(server) - before


def processor_seconds(server: postgres.Postgres) -> float:
    """Return the processor seconds of a database server, of backends that have ended, too."""
    time.sleep(0.3)
    one = psutil.Process(server.pid)
    return sum(sum(process.cpu_times()[:4]) for process in (one, *one.children(recursive=True)))


def say(figure: str, unit: str, value: float, peer: float | None = None, at_most: float | None = None, **more: object) -> None:
    ratio = None if peer is None else round(value / peer, 2)
    if at_most is not None and ratio is not None and ratio > at_most:
        broken.append(figure)
    said = {"figure": figure, "value": round(value, 2), "unit": unit, "peer": None if peer is None else round(peer, 2), "ratio": ratio}
    print(json.dumps(said | ({"at_most": at_most} if at_most else {}) | more, ensure_ascii=False), flush=True)


def once(server: postgres.Postgres, path: Path, rows: int, says: bool = False) -> dict[str, tuple[float, float, float]]:
    """Run every part once, on a fresh database; return what was measured of each. `says` prints what parts of them cost, too."""
    os.environ["BENCH_SINCE"] = datetime.now(UTC).isoformat()
    url = create_migrated(server, "users", "bench_tables")
    took = {part: measured(server, part, path, url) for part in ("cells", "read")}
    import_id = send(url, path)
    took["check"] = measured(server, "work", path, url)
    confirm(url, import_id)
    took["import"] = measured(server, "work", path, url)
    said = counted(url, import_id)
    if said["state"] != "done" or said["written"].get("new") != rows:
        raise SystemExit(f"the import did not do what it should: {said}")
    took["final"] = measured(server, "final", path, url, says)
    if says:
        measured(server, "costs", path, url, says)
    return took


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
    os.environ.setdefault("KEY_ENCRYPTION_KEYS", Fernet.generate_key().decode())
    os.environ.setdefault("FINGERPRINT_KEY", secrets.token_urlsafe(32))
    with TemporaryDirectory() as folder, postgres.start(durable=False) as server:
        whole, tenth = Path(folder, "whole.xlsx"), Path(folder, "tenth.xlsx")
        for path, rows in ((whole, given.rows), (tenth, max(given.rows // 10, 1))):
            measured(server, "write", path, str(rows))
        rounds = [once(server, whole, given.rows, says=left == 0) for left in reversed(range(given.rounds))]
        small = once(server, tenth, max(given.rows // 10, 1))
        figures = {part: [round_[part] for round_ in rounds] for part in rounds[0]}
        seconds = {part: statistics.median(one[0] for one in found) for part, found in figures.items()}
        processor = {part: statistics.median(one[2] for one in found) for part, found in figures.items()}
        memory = {part: max(one[1] for one in found) for part, found in figures.items()}
        of, both = f"{given.rows} households of a workbook of {whole.stat().st_size / 1e6:.1f} MB", seconds["check"] + seconds["import"]
        say(f"importing {of}, beside calamine and COPY of the final rows", "s", seconds["import"], seconds["final"], AT_MOST)
        say(f"checking {of}, beside calamine and COPY of the final rows", "s", seconds["check"], seconds["final"], AT_MOST)
        say("checking and then importing them, beside calamine and COPY of the final rows", "s", both, seconds["final"])
        beside = "processor time of process and database, beside calamine and COPY of the final rows"
        say(f"importing them, {beside}", "s", processor["import"], processor["final"])
        say(f"checking and then importing them, {beside}", "s", processor["check"] + processor["import"], processor["final"])
        for part, done in {"read": "reading", "check": "checking", "import": "importing"}.items():
            say(f"{done} them, beside calamine and COPY of the cells", "s", seconds[part], seconds["cells"])
            say(f"{done} them, processor time of process and database, beside the cells'", "s", processor[part], processor["cells"])
        say("peak memory of the check, beside that of a tenth of the rows", "MB", memory["check"], small["check"][1], FLAT)
        say("peak memory of the import, beside that of a tenth of the rows", "MB", memory["import"], small["import"][1], FLAT)
        say("peak memory of the import, beside that of calamine and COPY of the cells", "MB", memory["import"], memory["cells"])
    if broken:
        sys.exit("over the bound: " + "; ".join(broken))


if __name__ == "__main__":
    main()
