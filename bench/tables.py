"""Import a workbook of many households, beside calamine reading it and COPY of the same rows. JSON lines; exits with 1 over a bound.

`python -m bench.tables [--rows 100000] [--rounds 3]`. Each part runs in a process of its own, so that its peak memory is its own. The peer
reads all values with calamine and copies them into a table without indexes; it checks, encrypts and publishes nothing. `ratio` is the
median over rounds in which both sides take turns. Absolute figures depend on the machine.
"""

import argparse
import json
import os
import secrets
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

from cryptography.fernet import Fernet
from stdnum.cn import ric

from chassis.testing import postgres
from chassis.testing.templates import create_migrated
from contracts import regions

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


def write(path: Path, rows: str) -> None:
    """Write a workbook of so many households as spreadsheets do, with shared texts."""
    import xlsxwriter

    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("名册")
        sheet.write_row(0, 0, HEADINGS)
        for at, row in enumerate(households(int(rows)), start=1):
            sheet.write_row(at, 0, row)


def peer(path: Path, url: str) -> None:
    """Read a workbook with calamine and copy its rows."""
    import psycopg
    from python_calamine import CalamineWorkbook

    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute("DROP TABLE IF EXISTS peer")
        connection.execute("CREATE TABLE peer (" + ", ".join(f"c{at} text" for at in range(len(HEADINGS))) + ")")
        rows = CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()
        with connection.cursor().copy("COPY peer FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)


def read(path: Path, url: str) -> None:
    """Read a workbook with the one reader."""
    from chassis.tables.reading import open_table
    from users.imports.columns import HOUSEHOLDS

    with path.open("rb") as file:
        if any(row.faults for row in open_table(file, HOUSEHOLDS).rows):
            raise SystemExit("a good row was refused")


def work(path: Path, url: str) -> None:
    """Work on the import that waits, with the code of the process that does so."""
    from chassis.data.database import Database
    from users.imports.work import work_on_due

    database = Database(url, name="bench")
    if work_on_due(database) != 1:
        raise SystemExit("there was no import to work on")
    database.close()


PARTS: dict[str, Callable[[Path, str], None]] = {"write": write, "peer": peer, "read": read, "work": work}


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


def measured(part: str, path: Path, about: str) -> tuple[float, float, float]:
    """Run a part in a process of its own; return seconds without the start of Python, peak memory in MB, and processor seconds."""
    command = [sys.executable, "-W", "ignore", "-m", "bench.tables", "--part", part, "--file", str(path), "--about", about]
    ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    seconds, peak, spent = json.loads(ran.stdout.splitlines()[-1])
    return seconds, peak, spent


def say(figure: str, unit: str, value: float, peer: float | None = None, at_most: float | None = None, **more: object) -> None:
    ratio = None if peer is None else round(value / peer, 2)
    if at_most is not None and ratio is not None and ratio > at_most:
        broken.append(figure)
    said = {"figure": figure, "value": round(value, 2), "unit": unit, "peer": None if peer is None else round(peer, 2), "ratio": ratio}
    print(json.dumps(said | ({"at_most": at_most} if at_most else {}) | more, ensure_ascii=False), flush=True)


def once(server: postgres.Postgres, path: Path, rows: int) -> dict[str, tuple[float, float, float]]:
    """Run every part once, on a fresh database; return what was measured of each."""
    url = create_migrated(server, "users", "bench_tables")
    took = {part: measured(part, path, url) for part in ("peer", "read")}
    import_id = send(url, path)
    took["check"] = measured("work", path, url)
    confirm(url, import_id)
    took["import"] = measured("work", path, url)
    said = counted(url, import_id)
    if said["state"] != "done" or said["written"].get("new") != rows:
        raise SystemExit(f"the import did not do what it should: {said}")
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
        began, spent = time.perf_counter(), time.process_time()
        PARTS[given.part](given.file, given.about)
        print(json.dumps([time.perf_counter() - began, peak_memory(), time.process_time() - spent]))
        return
    os.environ.setdefault("SEAL_KEYS", Fernet.generate_key().decode())
    os.environ.setdefault("FINGERPRINT_KEY", secrets.token_urlsafe(32))
    with TemporaryDirectory() as folder, postgres.start(durable=False) as server:
        whole, tenth = Path(folder, "whole.xlsx"), Path(folder, "tenth.xlsx")
        for path, rows in ((whole, given.rows), (tenth, max(given.rows // 10, 1))):
            measured("write", path, str(rows))
        rounds = [once(server, whole, given.rows) for _ in range(given.rounds)]
        small = once(server, tenth, max(given.rows // 10, 1))
        figures = {part: [round_[part] for round_ in rounds] for part in ("peer", "read", "check", "import")}
        seconds = {part: statistics.median(one[0] for one in found) for part, found in figures.items()}
        processor = {part: statistics.median(one[2] for one in found) for part, found in figures.items()}
        memory = {part: max(one[1] for one in found) for part, found in figures.items()}
        of = f"{given.rows} households of a workbook of {whole.stat().st_size / 1e6:.1f} MB"
        say(f"reading {of}, beside calamine and COPY", "s", seconds["read"], seconds["peer"], AT_MOST)
        say(f"checking {of}, beside calamine and COPY", "s", seconds["check"], seconds["peer"], AT_MOST)
        say(f"importing {of}, beside calamine and COPY", "s", seconds["import"], seconds["peer"], AT_MOST)
        for part in ("read", "check", "import"):
            say(f"processor time of the process, {part}, beside that of the peer's", "s", processor[part], processor["peer"])
        say("peak memory of the check, beside that of calamine and COPY", "MB", memory["check"], memory["peer"])
        say("peak memory of the import, beside that of calamine and COPY", "MB", memory["import"], memory["peer"])
        say("peak memory of the import, beside that of a tenth of the rows", "MB", memory["import"], small["import"][1], FLAT)
    if broken:
        sys.exit("over the bound: " + "; ".join(broken))


if __name__ == "__main__":
    main()
