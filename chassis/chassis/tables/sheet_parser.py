"""Parsers of an XLSX workbook's parts: handlers that expat calls for each element."""

import re
from datetime import datetime, timedelta
from xml.parsers import expat

from chassis.tables.cells import LONGEST_CELL, LONGEST_LINE, NUMBER, Marked, RawRow
from chassis.tables.faults import Fault, table_damaged, table_too_large
from chassis.tables.shared_texts import SharedTexts

MOST_COLUMNS = 300
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
FIRST_DAY = datetime(1899, 12, 30)
SERIALS = range(61, 2_958_466)
"""Numbers that are days. The first 60 are counted otherwise, because 1900 is taken for a leap year."""


class TextsParser:
    """Handlers that collect the shared texts: the runs of each, without its phonetic reading."""

    def __init__(self, texts: SharedTexts) -> None:
        self._texts, self._parts = texts, list[str]()
        self._is_text = self._is_phonetic = False

    def attach(self, parser: expat.XMLParserType) -> None:
        """Let this be called by a parser."""
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = self._characters

    def _start(self, name: str, _: dict[str, str]) -> None:
        match local_name(name):
            case "t":
                self._is_text = not self._is_phonetic
            case "rPh":
                self._is_phonetic = True
            case "si":
                self._parts.clear()

    def _end(self, name: str) -> None:
        match local_name(name):
            case "t":
                self._is_text = False
            case "rPh":
                self._is_phonetic = False
            case "si":
                self._texts.add(_unescape("".join(self._parts)[: 10 * LONGEST_CELL]))

    def _characters(self, text: str) -> None:
        if self._is_text:
            self._parts.append(text)


class SheetParser:
    """Handlers that collect the rows of a sheet."""

    def __init__(self, texts: SharedTexts, styles: list[str], days_before: int) -> None:
        self._texts, self._styles, self._days_before = texts, styles, days_before
        self._rows, self._cells, self._number, self._is_hidden = list[RawRow](), list[str](), 0, False
        self._place, self._kind, self._mark, self._is_formula, self._is_phonetic = -1, "", "", False, False
        self._parts: list[str] | None = None
        self._value = ""
        self._prefix = ""
        self._columns = dict[str, int]()
        self.hidden = list[tuple[int, int]]()
        """Ranges of hidden columns, which a sheet states before its rows."""

    def attach(self, parser: expat.XMLParserType) -> None:
        """Let this be called by a parser."""
        self._parser = parser
        parser.StartElementHandler = self._start_root
        parser.CharacterDataHandler = self._characters

    def take(self) -> list[RawRow]:
        """Return the rows that were completed since the last call."""
        rows, self._rows = self._rows, []
        return rows

    def _start_root(self, name: str, _: dict[str, str]) -> None:
        prefix = name.removesuffix(local_name(name))
        self._row, self._cell, self._f, self._col = (prefix + one for one in ("row", "c", "f", "col"))
        self._texts_of_cells = {prefix + "v", prefix + "t"}
        self._phonetic = prefix + "rPh"
        self._parser.StartElementHandler, self._parser.EndElementHandler = self._start, self._end

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name == self._cell:
            self._start_cell(attributes)
        elif name in self._texts_of_cells:
            if not self._is_phonetic:
                self._parts = []
        elif name == self._f:
            self._is_formula = True
        elif name == self._row:
            self._start_row(attributes)
        elif name == self._phonetic:
            self._is_phonetic = True
        elif name == self._col and attributes.get("hidden") in {"1", "true"}:
            self.hidden.append((int(attributes["min"]) - 1, int(attributes["max"]) - 1))

    def _start_row(self, attributes: dict[str, str]) -> None:
        number = int(attributes.get("r", self._number + 1))
        if number <= self._number:
            raise table_damaged()
        self._number, self._place, self._cells = number, -1, []
        self._is_hidden = attributes.get("hidden") in {"1", "true"}

    def _start_cell(self, attributes: dict[str, str]) -> None:
        place = self._place + 1
        if reference := attributes.get("r"):
            named = reference.rstrip("0123456789")
            place = self._columns.get(named, -1)
            if place < 0:
                place = self._columns[named] = column_place(named)
            if reference[len(named) :] != str(self._number) or place <= self._place:
                raise table_damaged()
        self._place, self._kind, self._value, self._is_formula = place, attributes.get("t", "n"), "", False
        style = attributes.get("s")
        self._mark = self._styles[int(style)] if style and self._kind == "n" and self._styles else ""

    def _end(self, name: str) -> None:
        if name == self._cell:
            if self._value or self._is_formula:
                self._end_cell()
        elif name in self._texts_of_cells:
            if self._parts is not None:
                self._value += "".join(self._parts)
                self._parts = None
        elif name == self._row:
            if sum(map(len, self._cells)) > LONGEST_LINE:
                raise table_too_large(what="characters in a row", most=LONGEST_LINE)
            fault = Fault("row_hidden") if self._is_hidden else None
            self._rows.append(RawRow(self._number, self._cells, fault))
        elif name == self._phonetic:
            self._is_phonetic = False

    def _characters(self, text: str) -> None:
        if self._parts is not None:
            self._parts.append(text)

    def _end_cell(self) -> None:
        text = self._text()
        if self._place >= MOST_COLUMNS:
            if text.strip():
                raise table_too_large(what="columns", most=MOST_COLUMNS)
            return
        missing = self._place - len(self._cells)
        if missing:
            self._cells.extend([""] * missing)
        self._cells.append(Marked(text, "formula") if self._is_formula else text)

    def _text(self) -> str:
        match self._kind:
            case "s":
                return self._texts[int(self._value)]
            case "n":
                return self._number_text()
            case "inlineStr" | "str":
                return _unescape(self._value[: 10 * LONGEST_CELL])
            case "b":
                return Marked("TRUE" if self._value == "1" else "FALSE", "boolean")
            case "e":
                return Marked(self._value, "error")
            case "d":
                return _iso_date(self._value)
        raise table_damaged()

    def _number_text(self) -> str:
        if self._value and not NUMBER.match(self._value):
            return Marked(self._value, "odd")
        if self._mark not in {"date", "moment"} or self._is_formula:
            return Marked(self._value, self._mark or "number") if self._value else ""
        serial = float(self._value) + self._days_before
        if not SERIALS.start <= serial < SERIALS.stop:
            return Marked(self._value, "moment")
        moment = FIRST_DAY + timedelta(days=serial)
        if self._mark == "date" and serial == int(serial):
            return Marked(moment.date().isoformat(), "date")
        return Marked(moment.isoformat(" ", "seconds"), "moment")


def local_name(name: str) -> str:
    """Return the name of an element or attribute without its prefix."""
    return name.rpartition(":")[2]


def column_place(named: str) -> int:
    """Return the place of a column by its letters: 0 for A. Raises `ValueError`."""
    place = 0
    for letter in named:
        if not "A" <= letter <= "Z":
            raise ValueError("not a column")
        place = place * 26 + ord(letter) - 64
    if not 0 < place <= 16_384:
        raise ValueError("not a column")
    return place - 1


def _unescape(text: str) -> str:
    """Replace `_x000D_` and the like by their characters. Half of a surrogate pair is a character that was lost."""
    if "_x" not in text:
        return text
    written = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    return written.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _iso_date(value: str) -> str:
    moment = datetime.fromisoformat(value.removesuffix("Z"))
    is_day = (moment.hour, moment.minute, moment.second) == (0, 0, 0)
    return Marked(moment.date().isoformat(), "date") if is_day else Marked(moment.isoformat(" ", "seconds"), "moment")
