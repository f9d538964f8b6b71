"""Parser of a sheet of an XLSX workbook: handlers that expat calls for each element, and a pattern for plain rows."""

import re
from datetime import datetime, timedelta
from functools import lru_cache
from xml.parsers import expat

from chassis.tables.cells import LONGEST_CELL, LONGEST_LINE, NUMBER, Marked, RawRow
from chassis.tables.faults import Fault, table_damaged, table_too_large
from chassis.tables.plain_elements import INCOMPLETE, TEXT, Feed, PlainElements
from chassis.tables.shared_texts import SharedTexts
from chassis.tables.texts_parser import local_name, unescape

MOST_COLUMNS = 300
_PLAIN_ROW = re.compile(rb'<row r="([1-9][0-9]{0,6})"([^<>]*)>')
_PLAIN_ATTRIBUTE = re.compile(rb' (spans|s|customFormat|ht|customHeight|x14ac:dyDescent|thickBot|thickTop)="[0-9A-Za-z:.-]*"')
_PLAIN_CELL = re.compile(
    rb'(<c r="([A-Z]{1,3})([1-9][0-9]{0,6})"(?: s="([0-9]{1,5})")?(?: t="(s|n|str|inlineStr)")?'
    rb"(?:/>|>(?:<v>(" + TEXT + rb')</v>|<is><t(?: xml:space="preserve")?>(' + TEXT + rb")</t></is>)?</c>))"
)
FIRST_DAY = datetime(1899, 12, 30)
SERIALS = range(61, 2_958_466)
"""Numbers that are days. The first 60 are counted otherwise, because 1900 is taken for a leap year."""


class SheetParser:
    """Handlers that collect the rows of a sheet."""

    def __init__(self, texts: SharedTexts, styles: list[str], days_before: int) -> None:
        self._texts, self._styles, self._days_before = texts, styles, days_before
        self._rows, self._cells, self._number, self._is_hidden = list[RawRow](), list[str](), 0, False
        self._is_inside = False
        self._place, self._kind, self._mark, self._is_formula, self._is_phonetic = -1, "", "", False, False
        self._parts: list[str] | None = None
        self._value = ""
        self._prefix = ""
        self._columns = dict[str | bytes, int]()
        self.hidden = list[tuple[int, int]]()
        """Ranges of hidden columns, which a sheet states before its rows."""

    def attach(self, parser: expat.XMLParserType) -> Feed:
        """Let this be called by a parser; return what takes the document."""
        self._parser = parser
        parser.StartElementHandler = self._start_root
        parser.CharacterDataHandler = self._characters
        return PlainElements(parser, b"row", self._read_plain, lambda: self._is_inside).feed

    def take(self) -> list[RawRow]:
        """Return the rows that were completed since the last call."""
        rows, self._rows = self._rows, []
        return rows

    def _read_plain(self, buffer: bytes, at: int) -> int:
        """Read the row that begins here if it is plain; return the place behind it."""
        row = _PLAIN_ROW.match(buffer, at)
        if row is None or not _are_plain_attributes(row[2]):
            return at
        end = buffer.find(b"</row>", row.end())
        if end < 0:
            return INCOMPLETE
        cells = _PLAIN_CELL.findall(buffer, row.end(), end)
        if sum(len(cell[0]) for cell in cells) != end - row.end():
            return at
        self._begin_row(int(row[1]), is_hidden=False)
        texts, columns, read = self._texts, self._columns, self._cells
        for _, named, number, style, kind, value, inline in cells:
            if kind == b"s" and value and number == row[1] and self._place < columns.get(named, -1) == len(read) < MOST_COLUMNS:
                # Nearly every cell is this one: a shared text next to the last cell.
                self._place = len(read)
                read.append(texts[int(value)])
                continue
            self._begin_cell(named, number == row[1], kind.decode() or "n", int(style) if style else None)
            if text := value or inline:
                self._value = text.decode()
                self._end_cell()
        self._end_row()
        return end + len(b"</row>")

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
        elif name == "sheetData":
            self._is_inside = True

    def _start_row(self, attributes: dict[str, str]) -> None:
        self._begin_row(int(attributes.get("r", self._number + 1)), attributes.get("hidden") in {"1", "true"})

    def _begin_row(self, number: int, is_hidden: bool) -> None:
        if number <= self._number:
            raise table_damaged()
        self._number, self._place, self._cells, self._is_hidden = number, -1, [], is_hidden

    def _start_cell(self, attributes: dict[str, str]) -> None:
        style, reference = attributes.get("s"), attributes.get("r")
        named = reference.rstrip("0123456789") if reference else None
        is_of_row = named is None or reference == f"{named}{self._number}"
        self._begin_cell(named, is_of_row, attributes.get("t", "n"), int(style) if style else None)

    def _begin_cell(self, named: str | bytes | None, is_of_row: bool, kind: str, style: int | None) -> None:
        """Begin a cell of the column with these letters; without any it is the next one."""
        place = self._place + 1
        if named is not None:
            place = self._columns.get(named, -1)
            if place < 0:
                place = self._columns[named] = column_place(named if isinstance(named, str) else named.decode())
            if not is_of_row or place <= self._place:
                raise table_damaged()
        self._place, self._kind, self._value, self._is_formula = place, kind, "", False
        self._mark = self._styles[style] if style is not None and kind == "n" and self._styles else ""

    def _end(self, name: str) -> None:
        if name == self._cell:
            if self._value or self._is_formula:
                self._end_cell()
        elif name in self._texts_of_cells:
            if self._parts is not None:
                self._value += "".join(self._parts)
                self._parts = None
        elif name == self._row:
            self._end_row()
        elif name == self._phonetic:
            self._is_phonetic = False
        elif name == "sheetData":
            self._is_inside = False

    def _end_row(self) -> None:
        if sum(map(len, self._cells)) > LONGEST_LINE:
            raise table_too_large(what_zh="一行的字符数", what_en="characters in a row", most=LONGEST_LINE)
        self._rows.append(RawRow(self._number, self._cells, Fault("row_hidden") if self._is_hidden else None))

    def _characters(self, text: str) -> None:
        if self._parts is not None:
            self._parts.append(text)

    def _end_cell(self) -> None:
        text = self._text()
        if self._place >= MOST_COLUMNS:
            if text.strip():
                raise table_too_large(what_zh="列数", what_en="columns", most=MOST_COLUMNS)
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
                return unescape(self._value[: 10 * LONGEST_CELL])
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


@lru_cache(1_000)
def _are_plain_attributes(written: bytes) -> bool:
    """Tell whether the attributes of a row change nothing about its cells, and each stands once."""
    named = _PLAIN_ATTRIBUTE.findall(written)
    return len(named) == len(set(named)) and not _PLAIN_ATTRIBUTE.sub(b"", written)


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


def _iso_date(value: str) -> str:
    moment = datetime.fromisoformat(value.removesuffix("Z"))
    is_day = (moment.hour, moment.minute, moment.second) == (0, 0, 0)
    return Marked(moment.date().isoformat(), "date") if is_day else Marked(moment.isoformat(" ", "seconds"), "moment")
