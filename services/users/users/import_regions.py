"""Import another edition of the division codes: `python -m users.import_regions FILE.csv`, first with `--dry-run`.

Columns: code, name, valid_from, valid_until, successors (docs/data.md). All rows are imported or none. The report goes to standard output
as JSON. With `--complete` the table lists every code that counts, and codes that it lacks have ended. Importing a table again changes
nothing.
"""

import json
import sys
from pathlib import Path

from chassis.data.audit_log import OPERATOR
from chassis.data.database import Database
from chassis.failures import Parser, one_line_failures
from chassis.start import read_settings
from users.regions import actions
from users.regions.editions import describe, make_plan, read_table


@one_line_failures
def main(arguments: list[str] | None = None) -> None:
    parser = Parser(description="Bring in changed division codes, or a whole edition of them.")
    parser.add_argument("file", type=Path, help="CSV with a heading, in UTF-8 or GB 18030")
    parser.add_argument("--dry-run", action="store_true", help="report only, and change nothing")
    parser.add_argument("--complete", action="store_true", help="the table lists every code that counts; others end")
    given = parser.parse_args(arguments)
    today = actions.today()
    try:
        rows, refused = read_table(given.file.read_bytes(), today)
    except UnicodeDecodeError:
        sys.exit("the file is neither UTF-8 nor GB 18030")
    database = Database.of(read_settings("users"), "import")
    with database.begin() as session:
        actions.allow_long_pauses(session)
        actions.lock_imports(session)
        plan = make_plan(session, rows, refused, today, is_complete=given.complete)
        if not plan.refused and not given.dry_run:
            actions.import_plan(session, OPERATOR, None, plan)
    database.close()
    json.dump({"is_imported": not plan.refused and not given.dry_run, **describe(plan, "zh-CN")}, sys.stdout, ensure_ascii=False, indent=1)
    print()
    if plan.refused:
        sys.exit(f"{len(plan.refused)} rows cannot be imported, nothing was changed")


if __name__ == "__main__":
    main()
