"""Columns of a kind of table, and the matching of a file's headings with them."""

import dataclasses
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from chassis.tables.faults import heading_twice, headings_alike, unknown_column
from chassis.text import clean_code

Content = Literal["text", "prose", "code", "secret", "choice", "date"]
MOST_HEADING = 100
_MARKS = re.compile(r"[*:]|\((?:必填|选填|可选|required|optional)\)")


@dataclass(frozen=True)
class Column:
    """A column that a kind of table may have.

    `content` says how its cells are read: `text` is a name or an address, in which a `?` is a lost character; `prose` is free text; `code`
    is a number that must keep all its digits; `secret` is read exactly as written; `choice` is one of the labels in `choices`; `date` is
    a day. `headings` are matched besides the name of the field.
    """

    field: str
    headings: tuple[str, ...] = ()
    content: Content = "text"
    required: bool = False
    choices: Mapping[str, tuple[str, str]] = dataclasses.field(default_factory=dict)

    @cached_property
    def words(self) -> dict[str, str]:
        """The words of `choices` by word and by label in either language."""
        return {plain(label): word for word, labels in self.choices.items() for label in (word, *labels)}


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of a file: its column's letters, its text, and the field that is read from it; None when the column is not read."""

    letters: str
    text: str
    field: str | None


def plain(heading: str) -> str:
    """Return a heading without what does not distinguish it: spaces, width, case, invisible characters, marks of required columns."""
    folded = clean_code(unicodedata.normalize("NFKC", heading)).casefold().replace("_", "").replace("-", "")
    return _MARKS.sub("", folded)


def letters(place: int) -> str:
    """Return the letters of a column: A for 0, AA for 26."""
    named = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        named = chr(65 + rest) + named
    return named


class Matching:
    """The fields of a kind of table by heading: the known headings, changed by a mapping from headings to fields.

    In the mapping, a field of None leaves a column unread. Raises `unknown_column` when the mapping names a field that no column has.
    """

    def __init__(self, columns: Iterable[Column], mapping: Mapping[str, str | None] | None = None) -> None:
        """Take the columns that a table of this kind may have, and the mapping of one file."""
        self.columns = {column.field: column for column in columns}
        self._fields: dict[str, str | None] = {
            plain(heading): column.field for column in self.columns.values() for heading in (column.field, *column.headings)
        }
        for heading, named in (mapping or {}).items():
            if named is not None and named not in self.columns:
                raise unknown_column(field=named[:MOST_HEADING])
            self._fields[plain(heading)] = named

    def count(self, cells: Sequence[str]) -> int:
        """Return how many fields this row names, if it holds the headings."""
        return len({self._fields.get(plain(cell)) for cell in cells if 0 < len(cell) <= MOST_HEADING} - {None})

    def is_heading(self, cells: Sequence[str]) -> bool:
        """Tell whether a row holds the headings: it names two fields at least, or the only one that there is."""
        return self.count(cells) >= min(2, len(self.columns))

    def match(self, cells: Sequence[str]) -> list[Heading]:
        """Match a row of headings. Raises `heading_twice` for two equal ones, `headings_alike` for two that name one field."""
        found, seen, named = list[Heading](), set[str](), dict[str, str]()
        for place, cell in enumerate(cells):
            text, key = cell.strip(), plain(cell)
            if key and key in seen:
                raise heading_twice(heading=text[:MOST_HEADING])
            seen.add(key)
            field = self._fields.get(key)
            if field and field in named:
                raise headings_alike(first=named[field][:MOST_HEADING], second=text[:MOST_HEADING])
            if field:
                named[field] = text
            found.append(Heading(letters(place), text[: 2 * MOST_HEADING], field))
        return found

    def missing(self, cells: Sequence[str]) -> list[str]:
        """Return the required columns that a row of headings lacks, by their first heading."""
        named = {self._fields.get(plain(cell)) for cell in cells}
        return [
            (column.headings or (column.field,))[0] for column in self.columns.values() if column.required and column.field not in named
        ]

    def expected(self) -> list[str]:
        """Return the first headings that such a table has, for a file in which none was found."""
        return [(column.headings or (column.field,))[0] for column in self.columns.values()][:3]
