"""Import a list of accounts: `python -m users.import_accounts FILE.csv`.

Columns: kind, phone, name, password, region, campaign. Households also have national_id and status, and may lack phone and password.
The operator vouches for the phones: they count as proven.
Staff may have `manages`, the region to be appointed to. Refused rows are listed by row (the heading is row 1), field and code.
Importing a list again changes nothing.
"""

import csv
import json
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import Any

from marshmallow import ValidationError, validates_schema
from rich.console import Console
from rich.progress import Progress

from chassis.data.database import Database
from chassis.data.encryption import EncryptionSettings, FingerprintSettings
from chassis.failures import Parser, one_line_failures
from chassis.http.fields import Choice, Code, Region, Schema
from chassis.problems import Problem
from chassis.start import read_settings
from users.accounts import passwords
from users.accounts.api import AccountIn
from users.fields import KINDS, Password, Phone
from users.households.api import HouseholdIn
from users.imports.actions import Line, import_batch

BATCH = 500


class AccountRow(AccountIn):
    password = Password()


class StaffRow(AccountRow):
    manages = Region()


class HouseholdRow(HouseholdIn):
    kind = Choice(KINDS, required=True)
    phone = Phone()  # type: ignore[assignment]
    password = Password()
    campaign = Code("[A-Za-z0-9_-]{1,40}")

    @validates_schema
    def require_phone_for_password(self, data: dict[str, Any], **_: Any) -> None:
        """A password needs a phone to sign in with."""
        if "password" in data and "phone" not in data:
            raise ValidationError("required", "phone")


_ROWS: dict[str, Schema] = {"household": HouseholdRow(), "staff": StaffRow()}
_ACCOUNT_ROW = AccountRow()


def import_accounts(database: Database, path: Path, progress: Progress) -> Iterator[Line]:
    """Import a list batch by batch; yield each line with its outcome."""
    text = _read_text(path)
    task = progress.add_task("accounts", total=len(list(csv.DictReader(StringIO(text, newline="")))))
    rows = csv.DictReader(StringIO(text, newline=""))
    with ThreadPoolExecutor(passwords.CORES) as hashing:
        while batch := [_read_row(rows.line_num, row) for row in islice(rows, BATCH)]:
            import_batch(database, [line for line in batch if not line.refused], hashing)
            progress.advance(task, len(batch))
            yield from batch


def _read_text(path: Path) -> str:
    """Read a file in UTF-8, or in GB 18030 as spreadsheets save it in China."""
    raw = path.read_bytes()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("gb18030")


def _read_row(number: int, row: dict[Any, Any]) -> Line:
    """Validate a row. An empty cell counts as absent."""
    cells = {name: cell for name, cell in row.items() if cell and (not isinstance(cell, str) or cell.strip())}
    try:
        wanted = _ROWS.get(cells.get("kind", "").strip(), _ACCOUNT_ROW).load({str(name): cell for name, cell in cells.items()})
        if "password" in wanted:
            passwords.require_strong(
                wanted["password"], wanted["phone"], wanted["name"], wanted.get("region", ""), is_staff="manages" in wanted
            )
    except ValidationError as error:
        return Line(number, {}, refused=_first_error(error.messages_dict))
    except Problem as problem:
        return Line(number, {}, refused=("password", problem.code))
    return Line(number, wanted)


def _first_error(messages: dict[str, Any]) -> tuple[str, str]:
    name, codes = next(iter(messages.items()))
    return name, str(codes[0])


def _write(path: Path | None, heading: list[str], rows: Iterable[list[Any]]) -> None:
    if path:
        path.touch(mode=0o600)
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([heading, *rows])


@one_line_failures
def main(arguments: list[str] | None = None) -> None:
    parser = Parser(description="Bring in a list of accounts and households.")
    parser.add_argument("file", type=Path, help="CSV with a heading, in UTF-8 or GB 18030")
    parser.add_argument("--refused", type=Path, help="where to list what was refused: row, field, code")
    parser.add_argument("--ids", type=Path, help="where to list who is who: row, phone, account_id, household_id; old ones too")
    given = parser.parse_args(arguments)
    database = Database.of(read_settings("users", EncryptionSettings, FingerprintSettings), "import")
    with Progress(console=Console(stderr=True)) as progress:
        lines = list(import_accounts(database, given.file, progress))
    database.close()
    refused = [[line.number, *line.refused] for line in lines if line.refused]
    _write(given.refused, ["row", "field", "code"], refused)
    known = (line for line in lines if line.account_id or line.household_id)
    _write(
        given.ids,
        ["row", "phone", "account_id", "household_id"],
        ([line.number, line.wanted.get("phone"), line.account_id, line.household_id] for line in known),
    )
    json.dump({"imported": len(lines) - len(refused), "refused": len(refused)}, sys.stdout)
    print()


if __name__ == "__main__":
    main()
