"""Uploaded files in the database: encrypted parts, and the rows of a table that somebody has to look at."""

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import BytesIO
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from chassis.imports.kinds import Imports
from chassis.imports.lines import Line
from chassis.tables.faults import Fault, message
from chassis.tables.writing import RefusedRow

Words = Mapping[str, Mapping[str, str]]
"""Words by code and language."""
PART_BYTES = 1 << 20
ROWS_AT_ONCE = 20


def store(of: Imports, session: Session, import_id: UUID, content: bytes) -> None:
    """Store a file in encrypted parts."""
    starts = range(0, len(content), PART_BYTES)
    session.add_all(
        of.parts(import_id=import_id, number=number, content=content[start : start + PART_BYTES]) for number, start in enumerate(starts)
    )


def load(of: Imports, session: Session, import_id: UUID) -> BytesIO | None:
    """Return a stored file; None when it was deleted."""
    file = BytesIO()
    parts = select(of.parts).where(of.parts.import_id == import_id).order_by(of.parts.number)
    for part in session.scalars(parts.execution_options(yield_per=1)):
        file.write(part.content)
    return file if file.tell() else None


def delete_file(of: Imports, session: Session, *import_ids: UUID) -> None:
    """Delete stored files."""
    session.execute(delete(of.parts).where(of.parts.import_id.in_(import_ids)))


def delete_rows(of: Imports, session: Session, *import_ids: UUID) -> None:
    """Delete the rows to look at."""
    session.execute(delete(of.rows).where(of.rows.import_id.in_(import_ids)))


def store_rows(of: Imports, session: Session, import_id: UUID, is_check: bool, lines: Sequence[Line]) -> None:
    """Store the lines of a batch that were not simply new or the same, and those with a word about them."""
    notable = [line for line in lines if line.outcome not in {"new", "same"} or line.notes]
    if notable:
        content = zlib.compress(
            json.dumps([_pack(line) for line in notable], ensure_ascii=False, default=str).encode("utf-8", "replace"), 1
        )
        session.add(of.rows(import_id=import_id, is_check=is_check, last_row=lines[-1].number, content=content))


def load_rows(
    of: Imports, session: Session, one: Any, outcome: str, headings: Sequence[dict[str, Any]], words: Words
) -> Iterator[RefusedRow]:
    """Yield the stored rows of one outcome, in the order of the file. `headings` are the file's columns, as `Table.said` lists them.

    The words about them are found by code, in both languages.
    """
    shown = {one["field"]: one["heading"] for one in headings if one["field"]}
    last = 0
    while True:
        query = select(of.rows).where(of.rows.import_id == one.id, of.rows.is_check == one.is_check, of.rows.last_row > last)
        batches = session.scalars(query.order_by(of.rows.last_row).limit(ROWS_AT_ONCE)).all()
        if not batches:
            return
        for batch in batches:
            last = batch.last_row
            for number, outcome_of_row, cells, faults in json.loads(zlib.decompress(batch.content)):
                if outcome_of_row == outcome:
                    yield RefusedRow(number, cells, list(_unpack(faults, shown, words)))
            session.expunge(batch)


def _pack(line: Line) -> list[Any]:
    faults = line.faults if line.outcome == "refused" else [*line.notes, *(Fault("changed", name) for name in line.differences)]
    return [line.number, line.outcome, line.cells, [[one.code, one.field, one.words, dict(one.details)] for one in faults]]


def _unpack(faults: Iterable[Sequence[Any]], shown: dict[str, str], known: Words) -> Iterator[tuple[str, str, str, str]]:
    for code, of, words, details in faults:
        yield shown.get(of, of or ""), code, message(words or code, "zh-CN", details, known), message(words or code, "en", details, known)
