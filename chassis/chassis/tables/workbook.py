"""Rows of an XLSX workbook, streamed from its parts.

The values of calamine's Python package do not suffice: it holds a whole sheet in memory, and gives errors as empty cells, numbers as floats
and formulas as their last values. This reader sees each cell as it is stored, and keeps one row at a time and the shared texts.
"""

import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from posixpath import dirname, join, normpath
from typing import BinaryIO
from xml.parsers import expat

from chassis.tables.cells import RawRow
from chassis.tables.faults import table_damaged, table_encrypted, table_old, table_too_large, table_type
from chassis.tables.plain_elements import Feed
from chassis.tables.shared_texts import SharedTexts
from chassis.tables.sheet_parser import MOST_COLUMNS, SheetParser, column_place
from chassis.tables.texts_parser import TextsParser, local_name

CHUNK = 1 << 16
MOST_SHEET_BYTES, MOST_TEXT_BYTES, MOST_OTHER_BYTES = 400 << 20, 200 << 20, 8 << 20
MOST_UNPACKED = 3 * MOST_SHEET_BYTES
"""Bytes of all parts together, for workbooks of many sheets. The sheet that counts is unpacked twice."""
MOST_MERGED = 50_000
SPREADSHEET = "xl/workbook.xml"
BROKEN = (
    zipfile.BadZipFile, zlib.error, struct.error, expat.ExpatError, LookupError, ValueError, OverflowError, EOFError, RuntimeError,
)  # fmt: skip
"""Errors of a broken archive or document."""
_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\s[^>]*?ref=[\"']([A-Z]{1,3})([0-9]{1,7}):([A-Z]{1,3})([0-9]{1,7})[\"']")
_DATE_CODE = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.|_.')
_BUILT_IN_DATES = {14, 15, 16, 17, 22, *range(27, 37), *range(50, 59)}
_BUILT_IN_TIMES = {18, 19, 20, 21, 45, 46, 47}
_BUILT_IN_ODD = {9, 10, 12, 13}
"""Percentages and fractions, which show another number than they store."""


@dataclass(frozen=True)
class Sheet:
    """A worksheet of a workbook. `part` is its name in the archive."""

    name: str
    part: str
    is_hidden: bool


class Workbook:
    """An opened XLSX file. Raises a problem when it is damaged, encrypted, of another kind, or too large unpacked."""

    def __init__(self, file: BinaryIO) -> None:
        """Read the list of sheets, the number formats and the shared texts."""
        self._unpacked = 0
        with reading_archive():
            self._archive = zipfile.ZipFile(file)
            names = set(self._archive.namelist())
            if SPREADSHEET not in names:
                raise (
                    table_old(kind="ODS")
                    if "content.xml" in names
                    else table_old(kind="XLSB")
                    if "xl/workbook.bin" in names
                    else table_type()
                )
            if any(one.flag_bits & 1 for one in self._archive.infolist()):
                raise table_encrypted()
            targets, texts_part, styles_part = self._read_relations(names)
            self.sheets = self._read_sheets(targets)
            self._styles = self._read_styles(styles_part) if styles_part else []
            self._texts = SharedTexts()
            if texts_part:
                self._parse(texts_part, MOST_TEXT_BYTES, TextsParser(self._texts).attach)

    def rows(self, sheet: Sheet, with_merged: bool = True) -> Iterator[RawRow]:
        """Yield the rows of a sheet that hold cells. Merged ranges cost a first look at the whole sheet."""
        with reading_archive():
            merged = _Merged(self._find_merged(sheet.part) if with_merged else [])
            parser = SheetParser(self._texts, self._styles, 1462 if self._counts_from_1904 else 0)
            for _ in self._parsed(sheet.part, MOST_SHEET_BYTES, parser.attach):
                for row in parser.take():
                    row.merged, row.hidden = merged.at(row.number), parser.hidden
                    yield row

    def _read_relations(self, names: set[str]) -> tuple[dict[str, str], str | None, str | None]:
        """Return the worksheets by id of relation, and the parts of shared texts and of styles."""
        sheets, others = dict[str, str](), dict[str, str]()

        def start(name: str, attributes: dict[str, str]) -> None:
            if local_name(name) == "Relationship":
                kind, target = attributes.get("Type", "").rpartition("/")[2], attributes.get("Target", "")
                part = normpath(target.lstrip("/") if target.startswith("/") else join(dirname(SPREADSHEET), target))
                if kind == "worksheet":
                    sheets[attributes.get("Id", "")] = part
                elif part in names:
                    others[kind] = part

        self._parse("xl/_rels/workbook.xml.rels", MOST_OTHER_BYTES, _handling(start))
        return sheets, others.get("sharedStrings"), others.get("styles")

    def _read_sheets(self, targets: Mapping[str, str]) -> list[Sheet]:
        found = list[Sheet]()
        self._counts_from_1904 = False

        def start(name: str, attributes: dict[str, str]) -> None:
            if local_name(name) == "workbookPr":
                self._counts_from_1904 = attributes.get("date1904", "0") in {"1", "true"}
            elif local_name(name) == "sheet":
                relation = next((value for key, value in attributes.items() if local_name(key) == "id"), "")
                if relation in targets:
                    is_hidden = attributes.get("state", "visible") != "visible"
                    found.append(Sheet(attributes.get("name", ""), targets[relation], is_hidden))

        self._parse(SPREADSHEET, MOST_OTHER_BYTES, _handling(start))
        return found

    def _read_styles(self, part: str) -> list[str]:
        """Return for each cell format how its numbers are shown: a mark of `Marked`, or empty for plain numbers."""
        codes, styles, is_in_formats = dict[int, str](), list[str](), False

        def start(name: str, attributes: dict[str, str]) -> None:
            nonlocal is_in_formats
            match local_name(name):
                case "numFmt":
                    codes[int(attributes["numFmtId"])] = attributes.get("formatCode", "")
                case "cellXfs":
                    is_in_formats = True
                case "cellStyles" | "dxfs":
                    is_in_formats = False
                case "xf" if is_in_formats:
                    number = int(attributes.get("numFmtId", "0"))
                    styles.append(_mark_of_format(number, codes.get(number)))

        self._parse(part, MOST_OTHER_BYTES, _handling(start))
        return styles

    def _find_merged(self, part: str) -> list[tuple[int, int, int, int]]:
        """Return the merged ranges as first row, last row, first and last column; they stand behind the rows."""
        found, tail = list[tuple[int, int, int, int]](), b""
        for chunk in self._chunks(part, MOST_SHEET_BYTES):
            window, last = tail + chunk, 0
            for one in _MERGED.finditer(window) if b"mergeCell" in window else ():
                first_column, first_row, last_column, last_row = one.groups()
                found.append((int(first_row), int(last_row), column_place(first_column.decode()), column_place(last_column.decode())))
                last = one.end()
            if len(found) > MOST_MERGED:
                raise table_too_large(what_zh="合并区域数", what_en="merged ranges", most=MOST_MERGED)
            tail = window[max(last, len(window) - 300) :]
        return sorted(found)

    def _chunks(self, part: str, most: int) -> Iterator[bytes]:
        """Yield a part of the archive piece by piece. Raises `table_too_large` however small the archive says that it is."""
        read = 0
        with self._archive.open(part) as stream:
            while chunk := stream.read(CHUNK):
                read, self._unpacked = read + len(chunk), self._unpacked + len(chunk)
                if read == len(chunk) and chunk.startswith((b"\xff\xfe", b"\xfe\xff")):
                    # No spreadsheet writes UTF-16, in which merged ranges would not be found.
                    raise table_damaged()
                if read > most or self._unpacked > MOST_UNPACKED:
                    raise table_too_large(what_zh="解压后的兆字节数", what_en="megabytes when unpacked", most=most >> 20)
                yield chunk

    def _parsed(self, part: str, most: int, attach: Callable[[expat.XMLParserType], Feed]) -> Iterator[None]:
        """Parse a part piece by piece; yield after each piece."""
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = _refuse_doctype
        feed = attach(parser)
        for chunk in self._chunks(part, most):
            feed(chunk)
            yield
        feed(b"", True)
        yield

    def _parse(self, part: str, most: int, attach: Callable[[expat.XMLParserType], Feed]) -> None:
        for _ in self._parsed(part, most, attach):
            pass


@contextmanager
def reading_archive() -> Iterator[None]:
    """Turn every error of a broken archive or document into `table_damaged`."""
    try:
        yield
    except BROKEN as error:
        raise table_damaged() from error


class _Merged:
    """Merged ranges, asked for rows in ascending order."""

    def __init__(self, ranges: list[tuple[int, int, int, int]]) -> None:
        read = [one for one in ranges if one[2] < MOST_COLUMNS]
        self._coming, self._active = read[::-1], list[tuple[int, int, int, int]]()

    def at(self, row: int) -> dict[int, int]:
        """Return the places of this row's cells that are merged, with the first row of their range."""
        while self._coming and self._coming[-1][0] <= row:
            self._active.append(self._coming.pop())
        if not self._active:
            return {}
        self._active = [one for one in self._active if one[1] >= row]
        if len(self._active) > MOST_COLUMNS:
            # No spreadsheet merges a cell into two ranges.
            raise table_damaged()
        return {place: one[0] for one in self._active for place in range(one[2], min(one[3], MOST_COLUMNS) + 1)}


def _handling(start: Callable[[str, dict[str, str]], None]) -> Callable[[expat.XMLParserType], Feed]:
    def attach(parser: expat.XMLParserType) -> Feed:
        parser.StartElementHandler = start
        return parser.Parse

    return attach


def _refuse_doctype(*_: object) -> None:
    raise table_damaged()


def _mark_of_format(number: int, code: str | None) -> str:
    """Return how a number format shows its numbers: as `date`, as `moment` (with a time), `odd`, or empty when as they are stored."""
    if code is None:
        dates = "date" if number in _BUILT_IN_DATES - {22} else "moment" if number in _BUILT_IN_TIMES | {22} else ""
        return dates or ("odd" if number in _BUILT_IN_ODD else "")
    plain = _DATE_CODE.sub("", code.partition(";")[0]).lower()
    if "general" in plain or "@" in plain:
        return ""
    if any(sign in plain for sign in "yd年月日") or "mmm" in plain:
        return "moment" if "h" in plain or "s" in plain else "date"
    if "h" in plain or "s" in plain:
        return "moment"
    # Zeros that fill up a number are shown and not stored.
    return "odd" if "%" in plain or "/" in plain or "?" in plain or plain.startswith("00") else ""
