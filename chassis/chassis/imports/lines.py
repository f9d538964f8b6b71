"""Lines: the rows of a table as what is wanted of the service, valid or with the faults of each column."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Literal, TypeVar
from uuid import UUID

from marshmallow import ValidationError, fields, missing

from chassis.http.fields import Choice, Region, Schema, Text, Whole
from chassis.problems import FieldCode
from chassis.tables.faults import Fault
from chassis.tables.reading import Row
from chassis.text import clean_code

Outcome = Literal["new", "changed", "same", "doubtful", "refused"]
OUTCOMES: tuple[Outcome, ...] = ("new", "changed", "same", "doubtful", "refused")
MOST_REMEMBERED = 10_000
_WHOLE = re.compile(r"([0-9]{1,15})(?:\.0+)?\Z", re.ASCII)
"""A whole number as cells hold it: 3, or 3.0 where a program has written it as a decimal one."""
_NARROW = {0xFEE0 + ord(sign): sign for sign in "0123456789."}


@dataclass(slots=True)
class Line:
    """A row of a table and its outcome. `wanted` holds valid values only; `notes` are words about a line that is not refused."""

    number: int
    cells: Sequence[str]
    wanted: dict[str, Any]
    given: frozenset[str] = frozenset()
    """The fields that the row states; the others of `wanted` are defaults."""
    faults: list[Fault] = field(default_factory=list)
    notes: list[Fault] = field(default_factory=list)
    outcome: Outcome = "new"
    subject_id: UUID | None = None
    fingerprints: dict[str, bytes] = field(default_factory=dict)
    differences: dict[str, Any] = field(default_factory=dict)
    """The values by which a changed line differs from what is registered."""

    is_judged: bool = False
    """Whether the row itself is valid, so that its outcome comes from what is registered."""
    LASTING: ClassVar[frozenset[str]] = frozenset()
    """Codes of notes about the row itself, which hold whatever is registered."""

    def forget(self) -> None:
        """Forget what was found out about a valid row, for judging it once more."""
        if not self.is_judged:
            return
        self.outcome, self.subject_id, self.differences = "new", None, {}
        self.faults.clear()
        self.notes = [note for note in self.notes if note.code in self.LASTING]

    def refuse(self, code: str, of: str | None = None, **details: object) -> None:
        """Refuse the line for a reason in one of its columns."""
        self.outcome = "refused"
        self.faults.append(Fault(code, of, None, details))

    def doubt(self, code: str, of: str | None = None, **details: object) -> None:
        """Mark the line as doubtful: it is written only when whoever confirms takes doubtful lines."""
        self.outcome = "doubtful"
        self.note(code, of, **details)

    def note(self, code: str, of: str | None = None, **details: object) -> None:
        """Add a word about a line that is not refused."""
        self.notes.append(Fault(code, of, None, details))


L = TypeVar("L", bound=Line)


class LineReader(Generic[L]):
    """Reads the rows of one table by the fields of a schema. All faults of a row are found, not the first one alone."""

    def __init__(self, schema: Schema, defaults: Mapping[str, Any], make: type[L]) -> None:
        """Take values for fields that a row leaves empty, and the class of the lines to make."""
        self._fields = {name: one for name, one in schema.fields.items() if not one.dump_only}
        self._defaults, self._make = defaults, make
        # Many rows have the same status, size and village.
        self._read_before: dict[str, dict[str, Any]] = {
            name: {} for name, one in self._fields.items() if isinstance(one, Choice | Region | Whole)
        }
        self._texts = {name: one for name, one in self._fields.items() if isinstance(one, Text)}

    def read(self, row: Row) -> L:
        """Validate a row."""
        line = self._make(row.number, row.cells, {}, frozenset(row.values), faults=row.faults)
        if row.faults:
            line.outcome = "refused"
            if any(fault.field is None for fault in row.faults):
                return line
        known = {fault.field for fault in row.faults}
        for name, one in self._fields.items():
            if name in row.values:
                self._read_value(line, name, one, row.values[name])
            elif name in self._defaults:
                line.wanted[name] = self._defaults[name]
            elif one.required and name not in known:
                line.refuse("required", name)
            elif one.load_default is not missing:
                line.wanted[name] = one.load_default
        for name in row.values.keys() - self._fields.keys():
            line.refuse("unknown", name)
        line.is_judged = line.outcome != "refused"
        return line

    def prepare(self, line: L, name: str, text: str) -> str | None:
        """Return a cell's text as its field reads it; None after refusing the line. A reader of one kind of lines may change it."""
        return text

    def _read_value(self, line: L, name: str, one: fields.Field[Any], text: str) -> None:
        known = self._read_before.get(name, {})
        if text in known:
            line.wanted[name] = known[text]
            return
        value: Any = self.prepare(line, name, text)
        if value is None:
            return
        if isinstance(one, Region):
            value = clean_code(value)
        elif isinstance(one, Whole) and (whole := _WHOLE.match(value.translate(_NARROW))):
            value = int(whole[1])
        if name in self._texts and (found := self._texts[name].find_value(value)) is not None:
            line.wanted[name] = found
            return
        try:
            line.wanted[name] = one.deserialize(value)
        except ValidationError as error:
            code = FieldCode.of(error.messages[0])
            line.outcome = "refused"
            line.faults.append(Fault(str(code), name, None, code.details, code.words))
            return
        if name in self._read_before and len(known) < MOST_REMEMBERED:
            known[text] = line.wanted[name]
