"""Answers about imports over HTTP: their progress, what was found, and the rows to look at as a table."""

import json
from collections.abc import Collection, Iterator, Mapping
from io import BytesIO
from typing import Any

from flask import Response
from marshmallow import fields, validate
from sqlalchemy.orm import Session

from chassis.http.auth import Caller
from chassis.http.fields import Choice, Flag, Schema, Strict, Text
from chassis.http.shown import note_shown
from chassis.imports import files
from chassis.imports.kinds import Imports
from chassis.imports.lines import OUTCOMES
from chassis.problems import language, not_found
from chassis.tables.columns import MOST_HEADING
from chassis.tables.faults import message
from chassis.tables.writing import RefusedRow, write_csv, write_xlsx

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
TYPES = {"text/csv", "text/plain", "text/tab-separated-values", "application/vnd.ms-excel", "application/octet-stream", XLSX}
IMPORT_STATES = {
    "checking": ("检查中", "being checked"),
    "checked": ("待确认", "waiting to be confirmed"),
    "importing": ("导入中", "being imported"),
    "done": ("已导入", "imported"),
    "failed": ("无法导入", "could not be read or imported"),
    "expired": ("已过期", "was not confirmed in time"),
}
NOTABLE = {
    "refused": ("未导入", "refused"),
    "doubtful": ("待核对", "doubtful"),
    "changed": ("有更改", "changed"),
    "new": ("有提示的新增行", "new rows with a remark"),
}
FORMATS = {"csv": ("CSV", "CSV"), "xlsx": ("XLSX", "XLSX")}
FILES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "the rows with their original cells, their numbers in the file, and what is wrong with them",
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in ("text/csv", XLSX)},
    }
}
Words = Mapping[str, Mapping[str, str]]


class ColumnIn(Strict):
    """A heading of the file and the field that it names."""

    heading = Text(MOST_HEADING, required=True)
    field = Text(
        30, required=True, allow_none=True, metadata={"description": "the field that the heading names; null leaves the column unread"}
    )


def columns_field(**options: Any) -> fields.List[Any]:
    """Return a field for the columns of a mapping."""
    return fields.List(fields.Nested(ColumnIn), **{"validate": validate.Length(max=100, error="out_of_range"), **options})


class ConfirmationIn(Strict):
    """The choices of whoever confirms a checked import."""

    take_doubtful = Flag(load_default=False, metadata={"description": "whether doubtful rows are imported too"})


class RowsIn(Strict):
    """The outcome whose rows are wanted, and the format of the table."""

    outcome = Choice(NOTABLE, load_default="refused")
    format = Choice(FORMATS, load_default="csv")


class ColumnOut(Schema):
    """A column of the file and the field that it is read as."""

    column = fields.String(required=True, metadata={"description": "letters of the column"})
    heading = fields.String(required=True)
    field = fields.String(required=True, allow_none=True, metadata={"description": "null: the column is not read"})


class TableOut(Schema):
    """The findings about the file."""

    format = Choice(FORMATS, required=True)
    encoding = fields.String(required=True, allow_none=True)
    delimiter = fields.String(required=True, allow_none=True)
    sheet = fields.String(required=True, allow_none=True)
    unread_sheets = fields.List(fields.String(), required=True)
    heading_row = fields.Integer(required=True)
    columns = fields.List(fields.Nested(ColumnOut), required=True)


class NoteOut(Schema):
    """A remark, with the number of rows that it is about."""

    code = fields.String(required=True)
    message = fields.String(required=True)
    rows = fields.Integer(required=True)


class CountsOut(Schema):
    """Rows by outcome. Doubtful rows are imported only when the confirmation takes them."""

    new = fields.Integer(required=True)
    changed = fields.Integer(required=True)
    same = fields.Integer(required=True, metadata={"description": "registered already, exactly so"})
    doubtful = fields.Integer(required=True)
    refused = fields.Integer(required=True)
    notes = fields.List(fields.Nested(NoteOut), required=True, metadata={"description": "words about rows that are not refused"})


class ProgressOut(Schema):
    """The number of rows dealt with, out of all."""

    done = fields.Integer(required=True, metadata={"description": "rows that the present pass has dealt with"})
    rows = fields.Integer(required=True, allow_none=True, metadata={"description": "known once the table is checked"})


class FailureOut(Schema):
    """The reason why the file could not be read or imported."""

    code = fields.String(required=True)
    title = fields.String(required=True)


def describe_import(caller: Caller, one: Any, names: Collection[str], acts: list[str], words: Words) -> dict[str, Any]:
    """Return an import as it is shown: the named columns, with what was found, written and may be done."""
    note_shown(caller, "import", one.id, people=[], region=one.region, masked=True)
    counts = one.found if one.is_check else one.written
    made: dict[str, Any] = {
        "table": json.loads(one.table_read) if one.table_read else None,
        "progress": {"done": sum(counts.get(outcome, 0) for outcome in OUTCOMES), "rows": one.rows},
        "found": _describe_counts(one.found, words),
        "written": None if one.is_check else _describe_counts(one.written, words),
        "problem": _describe_failure(words, *json.loads(one.problem)) if one.problem else None,
        "allowed": acts,
    }
    return {name: getattr(one, name) for name in names if name not in made} | made


def answer_rows(of: Imports, session: Session, caller: Caller, one: Any, outcome: str, wanted: str, words: Words) -> Response:
    """Answer with the rows of one outcome as a table. Raises `not_found` when there are none any more."""
    if one.table_read is None or one.deleted_at:
        raise not_found()
    note_shown(caller, "import", one.id, people=[], region=one.region)
    columns = json.loads(one.table_read)["columns"]
    rows = files.load_rows(of, session, one, outcome, columns, words)
    content, kind = _write([column["heading"] for column in columns], rows, wanted)
    headers = {"Content-Disposition": f'attachment; filename="{outcome}-{one.id}.{wanted}"', "Cache-Control": "no-store"}
    return Response(content, content_type=kind, headers=headers)


def _describe_counts(counts: dict[str, int], words: Words) -> dict[str, Any]:
    # Words of one row may name another one; those of many rows are other words then.
    notes = [
        {"code": code, "message": message(f"{code}_rows" if f"{code}_rows" in words else code, language(), {}, words), "rows": number}
        for code, number in counts.items()
        if code not in OUTCOMES
    ]
    return {outcome: counts.get(outcome, 0) for outcome in OUTCOMES} | {"notes": notes}


def _describe_failure(words: Words, code: str, details: dict[str, str]) -> dict[str, str]:
    return {"code": code, "title": message(code, language(), details, words)}


def _write(headings: list[str], rows: Iterator[RefusedRow], wanted: str) -> tuple[bytes, str]:
    if wanted == "csv":
        return b"".join(write_csv(headings, rows)), "text/csv; charset=utf-8"
    file = BytesIO()
    write_xlsx(file, headings, rows)
    return file.getvalue(), XLSX
