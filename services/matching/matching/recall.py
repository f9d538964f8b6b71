"""Restore matches that a book from an older backup does not know: `python -m matching.recall AS_TOLD.jsonl [--replayed]`.

The file is the output of `needs.as_told`. Run this before the worker starts, and again with `--replayed` after the journals of the other
services have been replayed. Start relay and clearing after that. A second run changes nothing. It exits with 1 while, after the replay, a
match lacks its need or its pledge.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from chassis.data.database import Database
from chassis.settings import Settings
from matching.restore.actions import PublishedMatch, PublishedRelease, restore_matches, restore_releases
from matching.settings import ProposalSettings

BATCH = 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, metavar="AS_TOLD.jsonl")
    parser.add_argument("--replayed", action="store_true", help="events published since the backup have been replayed and handled")
    given = parser.parse_args()
    answer_within = ProposalSettings.of_environment().answer_within
    decoder = msgspec.json.Decoder(PublishedMatch | PublishedRelease)
    read = [decoder.decode(line) for line in given.file.read_bytes().splitlines()]
    database, outcome = Database.of(Settings.of("matching"), "recall"), Counter[str]()
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


def _batches(lines: Sequence[Any], kind: type) -> Iterator[Sequence[Any]]:
    found = [line for line in lines if isinstance(line, kind)]
    return (found[start : start + BATCH] for start in range(0, len(found), BATCH))


if __name__ == "__main__":
    main()
