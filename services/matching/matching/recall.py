"""Restore matches that a book from an older backup does not know: `python -m matching.recall AS_TOLD.jsonl [--replayed]`.

The file is the output of `needs.as_told`. Run this before the worker starts, and again with `--replayed` after the journals of the other
services have been replayed. Start relay and clearing after that. A second run changes nothing. It exits with 1 while, after the replay, a
match lacks its need or its pledge.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from chassis.data.database import Database
from chassis.failures import Parser, one_line_failures
from chassis.start import read_settings
from matching.restore.actions import PublishedMatch, PublishedRelease, restore_matches, restore_releases
from matching.settings import ProposalSettings

BATCH = 500


@one_line_failures
def main() -> None:
    parser = Parser(description=__doc__)
    parser.add_argument("file", type=Path, metavar="AS_TOLD.jsonl")
    parser.add_argument("--replayed", action="store_true", help="events published since the backup have been replayed and handled")
    given = parser.parse_args()
    settings, answer_within = read_settings("matching", ProposalSettings), ProposalSettings.of_environment().answer_within
    read = _read_lines(given.file)
    database, outcome = Database.of(settings, "recall"), Counter[str]()
    try:
        for matches in _batches(read, PublishedMatch):
            with database.begin() as session:
                outcome += restore_matches(session, matches, answer_within, replayed=given.replayed)
        if given.replayed:
            for pledges in _batches(read, PublishedRelease):
                with database.begin() as session:
                    outcome += restore_releases(session, pledges)
    finally:
        database.close()
    print(json.dumps(outcome))
    if given.replayed and outcome["left"]:
        sys.exit("matches whose need or pledge is not in the book were left: replay from further back, then again")


def _read_lines(path: Path) -> list[PublishedMatch | PublishedRelease]:
    """Read what `needs.as_told` wrote. Exits with one line at the first line that is something else."""
    decoder = msgspec.json.Decoder(PublishedMatch | PublishedRelease)
    read = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            read.append(decoder.decode(line))
        except msgspec.MsgspecError:
            sys.exit(f"{path}, line {number}: not written by needs.as_told")
    return read


def _batches(lines: Sequence[Any], kind: type) -> Iterator[Sequence[Any]]:
    found = [line for line in lines if isinstance(line, kind)]
    return (found[start : start + BATCH] for start in range(0, len(found), BATCH))


if __name__ == "__main__":
    main()
