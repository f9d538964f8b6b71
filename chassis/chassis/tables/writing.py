"""Writing refused rows, with their original cells, as CSV and XLSX. Nothing in them runs as a formula."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import BinaryIO

import xlsxwriter

from chassis.tables.cells import defuse

REASONS = ("原行号 row", "问题列 column", "问题代码 code", "问题说明", "problem")
"""Headings of the columns before the original ones."""


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row to write: its number in the file, its cells there, and for each fault the column, the code and both sentences."""

    number: int
    cells: Sequence[str]
    faults: Sequence[tuple[str, str, str, str]]


def write_csv(headings: Sequence[str], rows: Iterable[RefusedRow]) -> Iterator[bytes]:
    """Yield a CSV file in UTF-8 with a byte order mark, by which spreadsheets know the encoding."""
    yield b"\xef\xbb\xbf"
    for line in _lines(headings, rows):
        buffer = StringIO(newline="")
        csv.writer(buffer).writerow(map(defuse, line))
        yield buffer.getvalue().encode("utf-8", "replace")


def write_xlsx(file: BinaryIO, headings: Sequence[str], rows: Iterable[RefusedRow]) -> None:
    """Write a workbook in which every cell is text, row by row."""
    plain = {"constant_memory": True, "strings_to_formulas": False, "strings_to_numbers": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(file, plain) as book:
        text = book.add_format({"num_format": "@"})
        sheet = book.add_worksheet("refused")
        for row, line in enumerate(_lines(headings, rows)):
            for place, cell in enumerate(line):
                if cell:
                    sheet.write_string(row, place, cell[:32_000], text)


def _lines(headings: Sequence[str], rows: Iterable[RefusedRow]) -> Iterator[list[str]]:
    """Yield the cells of each line, without the reasons of an earlier file that was written here."""
    kept = [place for place, heading in enumerate(headings) if heading not in REASONS]
    width = len(headings)
    yield [*REASONS, *(headings[place] for place in kept)]
    for row in rows:
        reasons = ["; ".join(dict.fromkeys(part)) for part in zip(*row.faults, strict=True)] or [""] * 4
        extra = row.cells[width:]
        cells = [row.cells[place] if place < len(row.cells) else "" for place in kept]
        yield [str(row.number), *reasons, *cells, *extra]
