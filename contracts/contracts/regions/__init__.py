"""The national division codes from province to village: one edition, how its codes nest, and the codes of earlier editions."""

import csv
import lzma
from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterator
from datetime import date
from functools import cache
from importlib.resources import files
from io import TextIOWrapper
from typing import NamedTuple

EDITION = "2023"
EDITION_DATE = date(2023, 6, 30)
"""The day at whose end the shipped codes were valid."""
LEVELS = {2: "province", 4: "city", 6: "county", 9: "town", 12: "village"}

_LOWER = (9, 12)
"""Levels whose earlier codes stand in `moves.bin.xz`."""
_folder = files(__name__)


def rows() -> Iterator[tuple[str, str]]:
    """Every division as (code, name), in the order of the codes as text, so that a parent comes before its children."""
    with (_folder / "regions.csv.xz").open("rb") as packed, lzma.open(packed) as unpacked:
        for code, name in csv.reader(TextIOWrapper(unpacked, encoding="utf-8", newline="")):
            yield code, name


def find_names(codes: Collection[str]) -> dict[str, str]:
    """The names of these codes, as far as they are in this edition. The first call unpacks all names: 22 MB, some tenths of a second."""
    return {code: name for code in codes if (name := _find_name(code.encode())) is not None}


def rows_as_csv() -> Iterator[bytes]:
    """The text that `rows` reads, in blocks: UTF-8, a line `code,name` each, no heading."""
    with (_folder / "regions.csv.xz").open("rb") as packed, lzma.open(packed) as unpacked:
        while block := unpacked.read(1 << 20):
            yield block


class Former(NamedTuple):
    """A code that is not in this edition, with its name and the codes of this edition that hold its area now.

    `valid_until` is the year, or the day, from which it no longer counts. It is empty for a code that others use and this edition lacks.
    """

    code: str
    name: str
    valid_from: str
    valid_until: str
    successors: tuple[str, ...]


@cache
def former() -> dict[str, Former]:
    """Provinces, cities and counties that are not in this edition, by their code. `docs/data.md` says which are covered."""
    lines = csv.DictReader((_folder / "former.csv").read_text(encoding="utf-8").splitlines())
    rows = ((line["code"], line["name"], line["valid_from"], line["valid_until"], tuple(line["successors"].split())) for line in lines)
    return {row[0]: Former(*row) for row in rows}


def successors(code: str) -> tuple[str, ...]:
    """The codes of this edition that hold the area of an earlier code; () when none is known, and for a code of this edition."""
    if code in former():
        return former()[code].successors
    if len(code) < min(_LOWER) or not is_shaped(code):
        return ()
    old, new = _moves()
    place = bisect_left(old, int(code))
    return (str(new[place]),) if place < len(old) and old[place] == int(code) else ()


def is_former(code: str) -> bool:
    """Return True for a code that is known to have counted before this edition, or to count elsewhere."""
    return code in former() or bool(successors(code))


def name_of(code: str) -> str | None:
    """The name of a province, city or county of this edition; None for any other code."""
    return _names().get(code)


def known(code: str) -> bool:
    """Return True for a code of this edition, and for the empty code of the whole country.

    Earlier codes are not known: see `contracts.regions.resolution`.
    """
    if code == "":
        return True
    if not is_shaped(code):
        return False
    codes, number = _codes(), int(code)
    place = bisect_left(codes, number)
    return place < len(codes) and codes[place] == number


def level(code: str) -> str:
    """The name of the code's level, from its length alone; ValueError when it cannot be a division code (as the empty one)."""
    if not is_shaped(code):
        raise ValueError(f"not a division code: {code!r}")
    return LEVELS[len(code)]


def ancestors(code: str) -> list[str]:
    """The codes of the divisions around this one, outermost first, without itself; [] for a province and the whole country."""
    if code != "":
        level(code)
    return [code[:length] for length in LEVELS if length < len(code)]


def parent(code: str) -> str:
    """The code of the division one level up; "" (the whole country) for a province, and for the whole country itself."""
    return ["", *ancestors(code)][-1]


def is_shaped(code: str) -> bool:
    """Return True for text that may be a division code: as many digits as one of the levels has, the first of them not 0."""
    # A leading zero would let "0051" pass for 51, since codes are looked up as numbers.
    return len(code) in LEVELS and code.isascii() and code.isdigit() and code[0] != "0"


def _find_name(code: bytes) -> str | None:
    """Search the lines, which are in the order of their codes, by halves."""
    lines, first, behind = _lines(), 0, len(_lines())
    while first < behind:
        middle = (first + behind) // 2
        start = max(first, lines.rfind(b"\n", 0, middle) + 1)
        listed, _, name = lines[start : lines.index(b"\n", start)].partition(b",")
        if listed == code:
            return name.decode()
        first, behind = (start + len(listed) + len(name) + 2, behind) if listed < code else (first, start)
    return None


@cache
def _lines() -> bytes:
    return lzma.decompress((_folder / "regions.csv.xz").read_bytes()).replace(b"\r\n", b"\n")


@cache
def _codes() -> "array[int]":
    # The codes alone, ascending, as little-endian 64-bit numbers: reading them takes a tenth of the time that reading the names would.
    codes = array("Q")
    codes.frombytes(lzma.decompress((_folder / "codes.bin.xz").read_bytes()))
    return codes


@cache
def _moves() -> "tuple[array[int], array[int]]":
    # Earlier codes of towns and villages, ascending, then the code of each one's only successor.
    both = array("Q")
    both.frombytes(lzma.decompress((_folder / "moves.bin.xz").read_bytes()))
    return both[: len(both) // 2], both[len(both) // 2 :]


@cache
def _names() -> dict[str, str]:
    return dict(csv.reader((_folder / "names.csv").read_text(encoding="utf-8").splitlines()))
