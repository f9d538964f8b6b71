"""The kinds of tables that a service imports, and the tables of its database that hold them."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.orm import Session

from chassis.http.auth import VILLAGE_DIGITS, Caller
from chassis.http.fields import Schema
from chassis.imports.lines import Line, LineReader
from chassis.problems import Problem, not_allowed
from chassis.tables.columns import Column


@dataclass(frozen=True)
class Kind:
    """A kind of import. `judge` sets the outcome of valid lines, `write` writes them too; both get the import with the table's region."""

    columns: Sequence[Column]
    schema: Schema
    key_of: Callable[[Any], bytes | None]
    judge: Callable[[Session, Caller, Any, Sequence[Any]], object]
    write: Callable[[Session, Caller, Any, Sequence[Any]], None]
    has_own_region: bool
    """Whether each row has to state its region, except in a table of one village."""
    reader: type[LineReader[Any]] = LineReader
    line: type[Line] = Line
    batch: int = 1_000
    """Rows of a transaction. Each of them takes locks, and the database has room for some thousand."""

    def columns_for(self, region: str) -> list[Column]:
        """Return the columns of a table of this region."""
        is_stated = self.has_own_region and len(region) < VILLAGE_DIGITS
        return [replace(one, required=is_stated) if one.field == "region" and self.has_own_region else one for one in self.columns]

    def defaults_for(self, region: str) -> Mapping[str, Any]:
        """Return the values of fields that a row leaves empty."""
        return {} if self.has_own_region and len(region) < VILLAGE_DIGITS else {"region": region}

    def reader_for(self, region: str) -> LineReader[Any]:
        """Make a reader of the lines of a table of this region."""
        return self.reader(self.schema, self.defaults_for(region), self.line)


@dataclass(frozen=True)
class Imports:
    """The imports of one service: its mapped classes, the kinds of tables, and the name of its log."""

    imports: Any
    parts: Any
    rows: Any
    kinds: Mapping[Any, Kind]
    log: logging.Logger
    outside: Callable[[], Problem] = not_allowed
    """Makes the problem of whoever no longer manages the region of their import."""
