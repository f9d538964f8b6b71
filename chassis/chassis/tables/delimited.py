"""Rows of a delimited text file (CSV), read strictly.

A quotation mark that is not closed, or stands inside a cell, makes its row a fault; it never swallows the next row. A quoted cell may hold
line breaks as long as no line in it could be a row of its own.
"""

import re
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from io import TextIOWrapper
from itertools import islice
from typing import BinaryIO

from chassis.tables.cells import LONGEST_LINE, RawRow
from chassis.tables.columns import Matching
from chassis.tables.faults import Fault, table_too_large

DELIMITERS = (",", "\t", ";")
MOST_BREAKS = 20
"""Line breaks that a quoted cell may hold."""
SNIFFED = 20
MOST_BY_CHANCE = 0.05
_LONG_NUMBER = re.compile(r"(?<![0-9])[0-9]{15}([0-9]{1,4})(?![0-9A-Za-z])")
_OPEN = re.compile(r'[ ]*"[^"]*+(?:""[^"]*+)*+\Z')
_SEPARATOR_LINE = re.compile(r"sep=([,;\t])\Z", re.IGNORECASE)


def read_lines(file: BinaryIO, encoding: str) -> Iterator[str]:
    """Yield the lines of a file without their ends. Raises `table_too_large` for one that is too long."""
    file.seek(0)
    # Three kinds of line ends end a line; other characters that Unicode calls line ends are text.
    stream = TextIOWrapper(file, encoding=encoding, newline=None)
    try:
        if encoding.startswith("utf-16") and stream.read(1) != "\ufeff":
            stream.seek(0)
        while line := stream.readline(LONGEST_LINE + 1):
            if len(line) > LONGEST_LINE:
                raise table_too_large(what_zh="一行的字符数", what_en="characters in a line", most=LONGEST_LINE)
            yield line.removesuffix("\n")
    finally:
        # Otherwise the stream would close the file, which may be closed already.
        with suppress(ValueError):
            stream.detach()


def find_delimiter(lines: Iterable[str], matching: Matching) -> str:
    """Return the delimiter by which one of the first lines names most fields; the separator line, if there is one, decides."""
    first = list(islice(lines, SNIFFED))
    if first and (named := _SEPARATOR_LINE.match(first[0])):
        return named[1]
    counts = {delimiter: max((matching.count(_unquoted(line, delimiter)) for line in first), default=0) for delimiter in DELIMITERS}
    return max(DELIMITERS, key=lambda delimiter: counts[delimiter])


def has_rounded_numbers(lines: Iterable[str]) -> bool:
    """Tell whether a spreadsheet has rounded long numbers: more of them end in zeros from the sixteenth digit on than chance would have.

    One of a thousand numbers of 18 digits does so by chance.
    """
    rounded = others = 0
    for line in lines:
        for tail in _LONG_NUMBER.findall(line):
            if tail.strip("0"):
                others += 1
            else:
                rounded += 1
    return rounded > MOST_BY_CHANCE * (rounded + others)


def read_rows(lines: Iterator[str], delimiter: str, width: int = 0) -> Iterator[RawRow]:
    """Yield the rows of a file, the headings too. `width` is the number of headings, by which a line is seen to be a whole row."""
    return _Rows(lines, delimiter).read(width)


class _Rows:
    """The rows of a file, with the lines that were read ahead of a quotation mark."""

    def __init__(self, lines: Iterator[str], delimiter: str) -> None:
        self._lines, self._delimiter, self._cell = lines, delimiter, _cell_pattern(delimiter)
        self._ahead = deque[str]()

    def read(self, width: int) -> Iterator[RawRow]:
        number = 0
        while (line := self._next()) is not None:
            if number == 0 and _SEPARATOR_LINE.match(line):
                # Spreadsheets do not show this line as a row.
                continue
            number += 1
            if '"' not in line:
                yield RawRow(number, line.split(self._delimiter))
                continue
            cells, is_open = self._split(line)
            if cells is not None:
                yield RawRow(number, cells)
            elif not is_open or (joined := self._join(line)) is None:
                yield RawRow(number, line.split(self._delimiter), Fault("row_quote"))
            else:
                lines, cells = joined
                if not self._may_be_rows(lines, cells, width):
                    yield RawRow(number, cells)
                    continue
                opened = number
                yield RawRow(number, line.split(self._delimiter), Fault("row_quote"))
                for one in lines[1:]:
                    number += 1
                    yield RawRow(number, one.split(self._delimiter), Fault("row_in_doubt", details={"row": opened}))

    def _may_be_rows(self, lines: list[str], cells: list[str], width: int) -> bool:
        """Tell whether lines inside a quoted cell may be rows: they hold delimiters, or the last one has as many cells as headings."""
        inside = any(self._delimiter in cell.partition("\n")[2] for cell in cells)
        return inside or len(lines[-1].split(self._delimiter)) >= max(width, 2)

    def _next(self) -> str | None:
        return self._ahead.popleft() if self._ahead else next(self._lines, None)

    def _join(self, line: str) -> tuple[list[str], list[str]] | None:
        """Join a line with the next ones until its quoted cell is closed; None, and nothing is taken, when it never is."""
        lines = [line]
        while len(lines) <= MOST_BREAKS and (following := self._next()) is not None:
            lines.append(following)
            if sum(map(len, lines)) > LONGEST_LINE:
                break
            cells, is_open = self._split("\n".join(lines))
            if cells is not None:
                return lines, cells
            if not is_open:
                break
        self._ahead.extendleft(reversed(lines[1:]))
        return None

    def _split(self, text: str) -> tuple[list[str] | None, bool]:
        """Split a row into its cells. Without cells, the second value tells whether a quoted cell is still open at the end."""
        cells, at = list[str](), 0
        while found := self._cell.match(text, at):
            quoted, bare, end = found.groups()
            cells.append(bare if quoted is None else quoted.replace('""', '"'))
            at = found.end()
            if not end:
                return cells, False
        return None, bool(_OPEN.match(text, at))


@cache
def _cell_pattern(delimiter: str) -> "re.Pattern[str]":
    """Return the pattern of one cell with the delimiter behind it, or with the end of the row."""
    mark = re.escape(delimiter)
    return re.compile(rf'(?:[ ]*"([^"]*+(?:""[^"]*+)*+)"[ ]*|([^"{mark}\n]*+))({mark}|\Z)')


def _unquoted(line: str, delimiter: str) -> list[str]:
    return [cell.strip(' "') for cell in line.split(delimiter)]
