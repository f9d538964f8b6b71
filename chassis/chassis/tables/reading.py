"""Reading a table: a CSV or XLSX file becomes rows of fields, each certain or with its faults."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import islice
from typing import Any, BinaryIO

from chassis.tables import delimited
from chassis.tables.cells import LONGEST_CELL, RawRow, is_rounded, read_cell, read_plain
from chassis.tables.columns import MOST_HEADING, Column, Heading, Matching, letters, plain
from chassis.tables.encodings import detect, is_garbled
from chassis.tables.faults import (
    CellFault,
    Fault,
    column_hidden,
    headings_missing,
    several_sheets,
    table_empty,
    table_encrypted,
    table_old,
    table_too_large,
    table_type,
    unknown_sheet,
)
from chassis.tables.workbook import Sheet, Workbook

MOST_ROWS = 200_000
ROWS_BEFORE = 20
"""Rows that may stand before the headings, such as titles."""
TOTALS = {*("合计", "小计", "总计", "共计", "累计", "本页合计", "本页小计"), *("total", "totals", "subtotal", "grandtotal")}
_TOTAL_STARTS = {form for total in TOTALS for form in (total[0], total[0].upper())}
_BETWEEN = "\x1f"
_PLAIN_CELLS = re.compile(f"[0-9A-Za-z\u4e00-\u9fff{_BETWEEN}]*")
_PERHAPS_TOTAL = re.compile(f"(?:\\A|{_BETWEEN})[{''.join(sorted(_TOTAL_STARTS))}]")
_OLD, _ENCRYPTED = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "EncryptedPackage".encode("utf-16-le")
_OTHERS = (b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"Rar!", b"7z\xbc\xaf", b"\x1f\x8b", b"BM")


@dataclass(slots=True)
class Row:
    """A row below the headings. `values` holds the fields that were read, `cells` everything as it stands in the file."""

    number: int
    values: dict[str, str]
    cells: list[str]
    faults: list[Fault] = field(default_factory=list)


@dataclass(frozen=True)
class Table:
    """An opened table: what was found out about the file, and its rows, which can be read once."""

    format: str
    """`csv` or `xlsx`."""
    encoding: str | None
    delimiter: str | None
    sheet: str | None
    unread_sheets: Sequence[str]
    heading_row: int
    headings: Sequence[Heading]
    rows: Iterator[Row]

    def said(self) -> dict[str, Any]:
        """Return what was found out about the file, for people to check."""
        names = ("format", "encoding", "delimiter", "sheet", "heading_row")
        columns = [{"column": one.letters, "heading": one.text, "field": one.field} for one in self.headings]
        return {name: getattr(self, name) for name in names} | {"unread_sheets": [*self.unread_sheets], "columns": columns}


def open_table(
    file: BinaryIO, columns: Iterable[Column], mapping: Mapping[str, str | None] | None = None, sheet: str | None = None
) -> Table:
    """Open a table with these columns. `mapping` adds headings of this file, by field; `sheet` names the sheet of a workbook.

    Raises a problem of `chassis.tables.faults` for a file that cannot be read for certain.
    """
    matching = Matching(columns, mapping)
    match find_format(file):
        case "xlsx":
            return _open_workbook(file, matching, sheet)
        case _:
            return _open_delimited(file, matching)


def find_format(file: BinaryIO) -> str:
    """Return `xlsx` or `csv` by the first bytes of a file. Raises a problem for a file of another kind."""
    file.seek(0)
    start = file.read(512)
    if not start:
        raise table_empty()
    if start.startswith(b"PK"):
        return "xlsx"
    if start.startswith(_OLD):
        file.seek(0)
        raise table_encrypted() if _ENCRYPTED in file.read() else table_old(kind="XLS")
    if start.startswith(_OTHERS):
        raise table_type()
    if start.lstrip(b"\xef\xbb\xbf \r\n\t").startswith((b"<", b"{\\rtf")):
        raise table_old(kind="HTML")
    return "csv"


def _open_delimited(file: BinaryIO, matching: Matching) -> Table:
    encoding = detect(file)
    delimiter = delimited.find_delimiter(delimited.read_lines(file, encoding), matching)
    start = delimited.read_rows(delimited.read_lines(file, encoding), delimiter)
    width = len(_find_headings(start, matching)[1])
    has_rounded = delimited.has_rounded_numbers(delimited.read_lines(file, encoding))
    rows = delimited.read_rows(delimited.read_lines(file, encoding), delimiter, width)
    number, headings = _find_headings(rows, matching)
    reader = _RowReader(matching, headings, has_rounded)
    return Table("csv", encoding, delimiter, None, [], number, headings, reader.read(rows))


def _open_workbook(file: BinaryIO, matching: Matching, wanted: str | None) -> Table:
    book = Workbook(file)
    if wanted is not None:
        sheet = next((one for one in book.sheets if plain(one.name) == plain(wanted)), None)
        if sheet is None:
            raise unknown_sheet(sheet=wanted[:MOST_HEADING])
        others = [one for one in book.sheets if one is not sheet]
    else:
        sheet, others = _choose_sheet(book, matching)
    rows = book.rows(sheet)
    number, headings = _find_headings(rows, matching)
    reader = _RowReader(matching, headings)
    return Table("xlsx", None, None, sheet.name, [one.name for one in others], number, headings, reader.read(rows))


def _choose_sheet(book: Workbook, matching: Matching) -> tuple[Sheet, list[Sheet]]:
    """Return the only visible sheet that has the headings, or else the only one that holds anything; and the other sheets."""
    visible = [sheet for sheet in book.sheets if not sheet.is_hidden]
    starts = {sheet.name: list(islice(_filled(book.rows(sheet, with_merged=False)), ROWS_BEFORE)) for sheet in visible}
    filled = [sheet for sheet in visible if starts[sheet.name]]
    if not filled:
        raise table_empty()
    fitting = [sheet for sheet in filled if any(matching.is_heading(row.cells) for row in starts[sheet.name])]
    chosen = fitting if len(fitting) == 1 else filled
    if len(chosen) != 1:
        raise several_sheets(sheets="、".join(sheet.name[:30] for sheet in (fitting or filled)[:10]))
    return chosen[0], [sheet for sheet in book.sheets if sheet is not chosen[0]]


def _filled(rows: Iterable[RawRow]) -> Iterator[RawRow]:
    return (row for row in rows if any(cell and not cell.isspace() for cell in row.cells))


def _find_headings(rows: Iterator[RawRow], matching: Matching) -> tuple[int, list[Heading]]:
    """Read up to the row of headings; return its number and the headings.

    Raises `headings_missing`, `column_hidden` or `table_empty`.
    """
    first: RawRow | None = None
    for row in islice(_filled(rows), ROWS_BEFORE):
        first = first or row
        if row.fault is None and matching.is_heading(row.cells):
            if missing := matching.missing(row.cells):
                raise headings_missing(headings="、".join(missing))
            headings = matching.match(_trimmed(row.cells))
            if unseen := [one for place, one in enumerate(headings) if one.field and row.is_in_hidden_column(place)]:
                raise column_hidden(heading=unseen[0].text[:MOST_HEADING])
            return row.number, headings
    if first is None:
        raise table_empty()
    matching.match(_trimmed(first.cells))
    raise headings_missing(headings="、".join(matching.missing(first.cells) or matching.expected()))


def _trimmed(cells: list[str]) -> list[str]:
    """Drop the empty cells at the end of a row."""
    end = len(cells)
    while end and not cells[end - 1].strip():
        end -= 1
    return cells[:end]


class _RowReader:
    """Reads the rows below the headings."""

    def __init__(self, matching: Matching, headings: Sequence[Heading], has_rounded: bool = False) -> None:
        self._headings, self._has_rounded = headings, has_rounded
        self._columns = [matching.columns[one.field] if one.field else None for one in headings]
        self._texts = [one.text for one in headings]
        self._read_columns = [(place, column, _reader_of(column)) for place, column in enumerate(self._columns) if column]
        self._is_certain = not has_rounded and all(self._texts)

    def read(self, raw: Iterator[RawRow]) -> Iterator[Row]:
        """Yield the rows that hold anything. Raises `table_too_large` when there are too many."""
        for count, one in enumerate(_filled(raw)):
            if count >= MOST_ROWS:
                raise table_too_large(what_zh="行数", what_en="rows", most=MOST_ROWS)
            yield self._read(one)

    def _read(self, raw: RawRow) -> Row:
        return self._read_plain(raw) or self._read_each(raw)

    def _read_plain(self, raw: RawRow) -> Row | None:
        """Read a row whose cells are plain text, digits and ordinary ideographs, as most rows are; None if it needs a closer look."""
        cells = raw.cells
        if raw.fault or raw.merged or not self._is_certain or len(cells) > len(self._texts) or cells[0] == self._texts[0]:
            return None
        joined, row = _BETWEEN.join(cells), Row(raw.number, {}, cells)
        if len(joined) > LONGEST_CELL or not _PLAIN_CELLS.fullmatch(joined) or _PERHAPS_TOTAL.search(joined):
            return None
        if joined.count(_BETWEEN) >= len(cells):
            return None
        try:
            for place, column, read in self._read_columns:
                if place < len(cells) and (cell := cells[place]):
                    if not cell.isascii() and is_garbled(cell):
                        return None
                    row.values[column.field] = read(cell) if type(cell) is str else read_cell(cell, column)
        except CellFault:
            return None
        return row

    def _read_each(self, raw: RawRow) -> Row:
        row = Row(raw.number, {}, raw.cells)
        if fault := raw.fault or self._find_fault(raw.cells):
            row.faults.append(fault)
            return row
        for place, (cell, column) in enumerate(zip(raw.cells, self._columns, strict=False)):
            if column is None:
                continue
            if raw.merged and place in raw.merged:
                row.faults.append(self._fault(place, "cell_merged"))
            elif cell and not cell.isspace():
                try:
                    if text := read_cell(cell, column):
                        row.values[column.field] = text
                    if self._has_rounded and column.content == "code" and is_rounded(text):
                        raise CellFault("cell_digits")
                    if not cell.isascii() and is_garbled(cell):
                        raise CellFault("cell_encoding")
                except CellFault as unfit:
                    row.faults.append(self._fault(place, unfit.code, unfit.details))
        return row

    def _fault(self, place: int, code: str, details: Mapping[str, object] | None = None) -> Fault:
        heading = self._headings[place]
        return Fault(code, heading.field, heading.text, details or {})

    def _find_fault(self, cells: list[str]) -> Fault | None:
        """Return why the whole row is not read: it holds more than the headings name, totals, or the headings again."""
        for place, cell in enumerate(cells):
            if cell and not cell.isspace():
                if place >= len(self._headings) or not self._headings[place].text:
                    return Fault("row_extra", details={"column": letters(place)})
                if len(cell) <= MOST_HEADING and is_total(cell):
                    return Fault("row_total")
        if cells[0].strip() == self._texts[0] and [cell.strip() for cell in cells[: len(self._texts)]] == self._texts:
            return Fault("row_heading")
        return None


def _reader_of(column: Column) -> Callable[[str], str]:
    """Return what reads the plain cells of a column."""
    match column.content:
        case "text" | "prose" | "secret":
            return str
        case "choice":
            return lru_cache(1_000)(partial(read_plain, column=column))
    return partial(read_plain, column=column)


def is_total(cell: str) -> bool:
    """Tell whether a cell begins a row of totals: 合计, 小计, total and the like, with a number behind it or none."""
    if len(cell) < 2 or cell[0] not in _TOTAL_STARTS:
        return False
    return plain(cell).strip("0123456789.,()户人元个件斤") in TOTALS
