"""Cells of a row: what a cell is in its file, and its text as a column reads it."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from chassis.tables.columns import Column, plain
from chassis.tables.faults import CellFault, Fault

LONGEST_CELL = 4_000
LONGEST_LINE = 30_000
"""Characters of a whole row. Rows to look at are kept in batches, which have to fit into memory."""
MOST_DIGITS = 15
"""Digits that a number of a spreadsheet keeps."""
ERRORS = ("#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!", "#SPILL!", "#CALC!", "#GETTING_DATA", "#FIELD!", "#BLOCKED!")
DANGEROUS = ("=", "+", "-", "@", "\t", "\r")
"""First characters of texts that a spreadsheet would run as a formula."""
_PLAIN = re.compile("[0-9A-Za-z\u4e00-\u9fff]+")
"""Most cells: digits, letters and ordinary ideographs, which need no closer look."""
_CODE = re.compile("[0-9A-DF-Za-df-z]+")
"""Digits and letters without the one that may be an exponent's."""
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_LOST = re.compile("[?\uff1f\u25a1\u25a0\u3013\ufffd\ue000-\uf8ff\U000f0000-\U0010fffd]")
"""Characters that stand for one that an encoding or a font lacks: `?`, boxes, the replacement character, private characters."""
_ALWAYS_LOST = re.compile("[\ufffd\ue000-\uf8ff\U000f0000-\U0010fffd]")
_NARROW = re.compile(r"#{3,}\Z")
_TEXT_FORMULA = re.compile(r'="([^"]*)"\Z')
NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[Ee][+-]?[0-9]+)?\Z", re.ASCII)
"""A number as programs store it. Python also reads `1_000`, `NaN` and the digits of other scripts."""
_EXPONENT = re.compile(r"[+-]?[0-9]+(?:\.([0-9]*))?E([+-]?[0-9]+)\Z", re.IGNORECASE)
_FRACTION_ZERO = re.compile(r"[0-9]{7,}\.0+\Z")
_DATES = (
    re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[ T]00:00(?::00(?:\.0+)?)?)?\Z", re.ASCII),
    re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日?\Z", re.ASCII),
    re.compile(r"((?:19|20)\d{2})(\d{2})(\d{2})\Z", re.ASCII),
)
_MARK_FAULTS = {
    "formula": "cell_formula", "boolean": "cell_boolean", "date": "cell_date", "moment": "cell_date", "odd": "cell_number",
}  # fmt: skip


class Marked(str):
    """The text of a cell that is more than text in its workbook.

    `mark` is `number`, `odd` (a number that is shown otherwise than it is stored), `date`, `moment`, `boolean`, `formula` or `error`.
    """

    __slots__ = ("mark",)
    mark: str

    def __new__(cls, shown: str, mark: str) -> "Marked":
        """Make a cell's text with its mark."""
        made = super().__new__(cls, shown)
        made.mark = mark
        return made


_NO_PLACES: Mapping[int, int] = {}


@dataclass(slots=True)
class RawRow:
    """A row as it stands in the file: the spreadsheet's row number, its cells, and what makes it unreadable as a whole."""

    number: int
    cells: list[str]
    fault: Fault | None = None
    merged: Mapping[int, int] = field(default_factory=lambda: _NO_PLACES)
    """Places of cells that belong to merged ranges."""
    hidden: Sequence[tuple[int, int]] = ()
    """Ranges of hidden columns: the first and the last place of each."""

    def is_in_hidden_column(self, place: int) -> bool:
        """Tell whether a cell of this place is not shown because its column is hidden."""
        return any(first <= place <= last for first, last in self.hidden)


def read_cell(cell: str, column: Column) -> str:
    """Return the text of a cell that is not empty, as its column reads it. Raises `CellFault` when that is not certain."""
    if len(cell) > LONGEST_CELL:
        raise CellFault("cell_long")
    if isinstance(cell, Marked):
        return _read_marked(cell, column)
    if _PLAIN.fullmatch(cell):
        return read_plain(cell, column)
    if _CONTROL.search(cell):
        raise CellFault("cell_control")
    text = undefuse(cell)
    if "\n" in text.strip() and column.content in {"text", "secret"}:
        raise CellFault("cell_break")
    if column.content == "secret":
        return text
    text = text.strip()
    if text.startswith("="):
        inside = _TEXT_FORMULA.match(text)
        if not inside:
            raise CellFault("cell_formula")
        text = inside[1].strip()
    if text.startswith("#") and (text.upper() in ERRORS or _NARROW.match(text)):
        raise CellFault("cell_error", shown=text[:20])
    if lost := (_ALWAYS_LOST if column.content == "prose" else _LOST).search(text):
        raise CellFault("cell_lost", shown=lost[0])
    return read_plain(text, column)


def read_plain(text: str, column: Column) -> str:
    """Return a text that holds nothing doubtful, as its column reads it. Raises `CellFault` for what is no date."""
    match column.content:
        case "code":
            return _read_code(text)
        case "date":
            return _read_date(text)
        case "choice":
            return _read_choice(text, column)
    return text


def undefuse(cell: str) -> str:
    """Drop the apostrophe that marks text before what a spreadsheet would run."""
    return cell[1:] if cell.startswith("'") and cell[1:2] in {*DANGEROUS, "'"} else cell


def defuse(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet would run as a formula, or that would lose its own apostrophe when read."""
    is_like_defused = text.startswith("'") and text[1:2] in {*DANGEROUS, "'"}
    return "'" + text if text.startswith(DANGEROUS) or is_like_defused else text


def _read_marked(cell: Marked, column: Column) -> str:
    if cell.mark == "error":
        raise CellFault("cell_error", shown=str(cell)[:20])
    if column.content == "date" and cell.mark == "date":
        return str(cell)
    if cell.mark in _MARK_FAULTS:
        raise CellFault(_MARK_FAULTS[cell.mark])
    if column.content == "secret":
        raise CellFault("cell_number")
    digits = whole_digits(cell)
    if column.content == "date":
        return _read_date(digits)
    return _read_choice(digits, column) if column.content == "choice" else digits


def whole_digits(raw: str) -> str:
    """Return the digits of a whole number as a workbook stores it. Raises `CellFault` when digits were lost or it is not whole."""
    if raw.isascii() and raw.isdigit():
        if len(raw) > MOST_DIGITS:
            raise CellFault("cell_digits")
        return str(raw)
    # A program that writes an exponent writes all digits before it, or has lost the others.
    if (found := _EXPONENT.match(raw)) and len(found[1] or "") < int(found[2]):
        raise CellFault("cell_digits")
    if not NUMBER.match(raw):
        raise CellFault("cell_number")
    value = float(raw)
    if abs(value) >= 10**MOST_DIGITS:
        raise CellFault("cell_digits")
    if value != int(value) or value < 0:
        raise CellFault("cell_number")
    return str(int(value))


def _read_code(text: str) -> str:
    if (text.isdigit() and len(text) <= MOST_DIGITS) or _CODE.fullmatch(text):
        return text
    code = text[1:].strip() if text.startswith(("'", "\u2018", "\u2019", "`")) else text
    narrow = unicodedata.normalize("NFKC", code)
    if _EXPONENT.match(narrow) or _FRACTION_ZERO.match(narrow):
        raise CellFault("cell_digits")
    return code


def is_rounded(code: str) -> bool:
    """Tell whether a number ends in zeros where a spreadsheet's precision ends."""
    return len(code) > MOST_DIGITS and code.isdigit() and not code[MOST_DIGITS:].strip("0")


def _read_date(text: str) -> str:
    for pattern in _DATES:
        if found := pattern.match(text):
            try:
                return date(*map(int, found.groups())).isoformat()
            except ValueError:
                break
    raise CellFault("cell_no_date")


def _read_choice(text: str, column: Column) -> str:
    """Return the word of a label in either language; another text stays as it is, for its field to refuse."""
    return column.words.get(plain(text), text)
