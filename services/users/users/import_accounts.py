"""Import a list of accounts and households: `python -m users.import_accounts FILE`, a CSV or XLSX table.

Columns: kind, phone, name, password, region, campaign, in English or Chinese. Households also have national_id, status, phone_kind, address
and size, and may lack phone and password: without a password the phone is a contact. Staff may have `manages`, the region to be appointed
to. The operator vouches for the phones of accounts: they count as proven. `users.imports.columns` lists the headings.
Refused rows are listed by the row of the file, field and code, with the original cells. Importing a list again changes nothing.
"""

import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from chassis.data.database import Database
from chassis.data.encryption import FingerprintSettings
from chassis.data.regions import regions_of_database
from chassis.failures import Parser, one_line_failures
from chassis.problems import Problem
from chassis.start import read_role_settings
from chassis.tables.cells import defuse
from chassis.tables.reading import Row, open_table
from users.accounts import passwords
from users.imports.columns import MIXED
from users.imports.lines import say
from users.imports.operators import ListLine, ListReader, import_batch

BATCH = 500
REFUSED = ["row", "field", "code", "说明", "problem"]
IDS = ["row", "phone", "account_id", "household_id"]


def import_rows(database: Database, rows: Iterator[Row], progress: Progress, total: int) -> Iterator[ListLine]:
    """Import the rows of a list batch by batch; yield each line with its outcome."""
    task, reader = progress.add_task("accounts", total=total), ListReader()
    with ThreadPoolExecutor(passwords.CORES) as hashing, regions_of_database(database):
        while batch := [reader.read(row) for row in islice(rows, BATCH)]:
            import_batch(database, [line for line in batch if line.outcome != "refused"], hashing)
            progress.advance(task, len(batch))
            yield from batch


def _refused_row(line: ListLine) -> list[str]:
    """Return the cells that say why a line was refused, and its original ones; none of them runs as a formula."""
    said = [[say(one.code, language, one.details, one.words) for one in line.faults] for language in ("zh-CN", "en")]
    parts = [[one.field or "" for one in line.faults], [one.code for one in line.faults], *said]
    return [str(line.number), *map(defuse, ("; ".join(part) for part in parts)), *map(defuse, line.cells)]


def _id_row(line: ListLine) -> list[Any]:
    return [line.number, line.wanted.get("phone"), line.account_id, line.household_id]


@contextmanager
def _list_in(path: Path | None, encoding: str, heading: Iterable[str]) -> Iterator[Callable[[Iterable[Any]], object]]:
    """Write a CSV file that only its owner may read, row by row; without a path, nothing."""
    if path is None:
        yield lambda row: None
        return
    path.touch(mode=0o600)
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file)
        writer.writerow(heading)
        yield writer.writerow


@one_line_failures
def main(arguments: list[str] | None = None) -> None:
    parser = Parser(description="Bring in a list of accounts and households.")
    parser.add_argument("file", type=Path, help="CSV or XLSX with headings in English or Chinese; CSV in UTF-8, UTF-16 or GB 18030")
    parser.add_argument("--sheet", help="the sheet of a workbook; by default the only visible one with the headings")
    parser.add_argument("--refused", type=Path, help="where to list what was refused: row, field, code, reason, the original cells")
    parser.add_argument("--ids", type=Path, help="where to list who is who: row, phone, account_id, household_id; old ones too")
    given = parser.parse_args(arguments)
    database = Database.of(read_role_settings("users", FingerprintSettings), "import")
    try:
        with given.file.open("rb") as file, Progress(console=Console(stderr=True)) as progress:
            content = file if file.seekable() else BytesIO(file.read())
            # A file that cannot be read to its end is refused before anything is imported.
            total = sum(1 for _ in open_table(content, MIXED, sheet=given.sheet).rows)
            table = open_table(content, MIXED, sheet=given.sheet)
            counts = {"imported": 0, "refused": 0}
            # Spreadsheets know UTF-8 by its mark; the list of ids is for programs.
            refused = _list_in(given.refused, "utf-8-sig", [*REFUSED, *(heading.text for heading in table.headings)])
            with refused as add_refused, _list_in(given.ids, "utf-8", IDS) as add_ids:
                for line in import_rows(database, table.rows, progress, total):
                    counts["refused" if line.outcome == "refused" else "imported"] += 1
                    if line.outcome == "refused":
                        add_refused(_refused_row(line))
                    if line.account_id or line.household_id:
                        add_ids(_id_row(line))
    except Problem as problem:
        sys.exit(f"{problem.body('zh-CN')['title']} · {problem.body('en')['title']}")
    finally:
        database.close()
    json.dump(counts, sys.stdout)
    print()


if __name__ == "__main__":
    main()
