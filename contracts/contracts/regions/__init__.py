"""The national division codes from province to village: existing regions and how they nest."""

import csv
import lzma
from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterator
from functools import cache
from importlib.resources import files
from io import TextIOWrapper

EDITION = "2023"
LEVELS = {2: "province", 4: "city", 6: "county", 9: "town", 12: "village"}

_folder = files(__name__)


def rows() -> Iterator[tuple[str, str]]:
    """Every division as (code, name), in the order of the codes as text, so that a parent comes before its children."""
    with (_folder / "regions.csv.xz").open("rb") as packed, lzma.open(packed) as unpacked:
        for code, name in csv.reader(TextIOWrapper(unpacked, encoding="utf-8", newline="")):
            yield code, name


def find_names(codes: Collection[str]) -> dict[str, str]:
    """The names of these codes, as far as they are in this edition. The first call unpacks all names: 22 MB, some tenths of a second."""
    found = {}
    for code in codes:
        if _is_shaped(code) and (place := _lines().find(f"\n{code},".encode())) >= 0:
            found[code] = _lines()[place + len(code) + 2 : _lines().index(b"\n", place + 1)].decode().strip("\r")
    return found


def rows_as_csv() -> Iterator[bytes]:
    """The text that `rows` reads, in blocks: UTF-8, a line `code,name` each, no heading."""
    with (_folder / "regions.csv.xz").open("rb") as packed, lzma.open(packed) as unpacked:
        while block := unpacked.read(1 << 20):
            yield block


def aliases() -> Iterator[tuple[str, str, str]]:
    """Counties that lost their code since 2015, as (old code, old name, code of this edition that holds them now)."""
    for line in csv.DictReader((_folder / "aliases.csv").read_text(encoding="utf-8").splitlines()):
        yield line["old_code"], line["old_name"], line["code"]


def known(code: str) -> bool:
    """Return True for a code of this edition, and for the empty code of the whole country. Old codes are not known: see `aliases`."""
    if code == "":
        return True
    if not _is_shaped(code):
        return False
    codes, number = _codes(), int(code)
    place = bisect_left(codes, number)
    return place < len(codes) and codes[place] == number


def level(code: str) -> str:
    """The name of the code's level, from its length alone; ValueError when it cannot be a division code (as the empty one)."""
    if not _is_shaped(code):
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


def _is_shaped(code: str) -> bool:
    # A leading zero would let "0051" pass for 51, since codes are looked up as numbers.
    return len(code) in LEVELS and code.isascii() and code.isdigit() and code[0] != "0"


@cache
def _lines() -> bytes:
    return b"\n" + lzma.decompress((_folder / "regions.csv.xz").read_bytes()) + b"\n"


@cache
def _codes() -> "array[int]":
    # The codes alone, ascending, as little-endian 64-bit numbers: reading them takes a tenth of the time that reading the names would.
    codes = array("Q")
    codes.frombytes(lzma.decompress((_folder / "codes.bin.xz").read_bytes()))
    return codes
