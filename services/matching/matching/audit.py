"""Prove that the book adds up: `python -m matching.audit`.

Prints one JSON line for each check, with the first row that breaks it, and exits with 1 if there is one. `--hours n` looks for the events
of the last n hours only; all other checks read the whole book.
"""

import json
import sys
from datetime import timedelta

from sqlalchemy import text

from chassis.data.database import Database, now
from chassis.failures import Parser, one_line_failures
from chassis.start import read_settings
from matching.checks.actions import run_checks


@one_line_failures
def main(arguments: list[str] | None = None) -> None:
    parser = Parser(description="Prove that the book of needs, pledges and matches adds up.")
    parser.add_argument("--hours", type=float, help="look for events of the last hours only; by default as far back as the journal reaches")
    given = parser.parse_args(arguments)
    database = Database.of(read_settings("matching"), "audit")
    offending = 0
    try:
        with database.begin() as session:
            session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
            for finding in run_checks(session, now() - timedelta(hours=given.hours) if given.hours else None):
                offending += finding.row is not None
                line = {"check": finding.check.code, "holds": finding.row is None, "seconds": round(finding.seconds, 2)}
                print(json.dumps(line | ({"row": finding.row} if finding.row else {})), flush=True)
    finally:
        database.close()
    if offending:
        sys.exit(1)


if __name__ == "__main__":
    main()
