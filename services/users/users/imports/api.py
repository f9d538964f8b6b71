"""HTTP operations on imports: a table comes in, is checked, confirmed and imported; refused rows go out."""

import json
from collections.abc import Iterator
from io import BytesIO
from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from flask import Response, request
from marshmallow import fields, validate
from sqlalchemy.orm import Session

from chassis.http.auth import STAFF, Caller
from chassis.http.fields import AllowedOperations, Choice, Flag, Id, NothingIn, Region, Schema, Strict, Text
from chassis.http.pagination import PageIn, page_of
from chassis.http.routes import access
from chassis.http.shown import note_shown
from chassis.problems import language, not_found
from chassis.tables.columns import MOST_HEADING
from chassis.tables.writing import RefusedRow, write_csv, write_xlsx
from users.imports import actions, files, queries, rules
from users.imports.lines import OUTCOMES, say
from users.imports.model import Import, ImportMapping

api = APIBlueprint("imports", __name__)

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
TYPES = {"text/csv", "text/plain", "text/tab-separated-values", "application/vnd.ms-excel", "application/octet-stream", XLSX}
IMPORT_KINDS = {
    "households": ("贫困户名册", "households"),
    "accounts": ("账号名单", "accounts"),
    "administrators": ("管理员名单", "administrators"),
}
IMPORT_STATES = {
    "checking": ("检查中", "being checked"),
    "checked": ("待确认", "checked, waits to be confirmed"),
    "importing": ("导入中", "being imported"),
    "done": ("已导入", "imported"),
    "failed": ("无法导入", "could not be read or imported"),
    "expired": ("已过期", "was not confirmed in time"),
}
NOTABLE = {
    "refused": ("未导入", "refused"),
    "doubtful": ("待核对", "doubtful"),
    "changed": ("有更改", "changed"),
    "new": ("有提示的新增行", "new ones with a word about them"),
}
FORMATS = {"csv": ("CSV", "CSV"), "xlsx": ("XLSX", "XLSX")}
FILES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "the rows with their original cells, their numbers in the file, and what is wrong with them",
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in ("text/csv", XLSX)},
    }
}


class ImportIn(Strict):
    """The kind and the region of the table in the body."""

    kind = Choice(IMPORT_KINDS, required=True)
    region = Region(required=True, metadata={"description": "the region that the table is about, or one around it; every row lies in it"})
    sheet = Text(100, metadata={"description": "the sheet of a workbook; by default the only visible one with the headings"})
    mapping_id = Id(metadata={"description": "a saved mapping of headings"})


class ColumnIn(Strict):
    heading = Text(MOST_HEADING, required=True)
    field = Text(
        30, required=True, allow_none=True, metadata={"description": "the field that the heading names; null leaves the column unread"}
    )


class CheckIn(Strict):
    sheet = Text(100)
    mapping_id = Id()
    columns = fields.List(fields.Nested(ColumnIn), validate=validate.Length(max=100, error="out_of_range"))


class ConfirmationIn(Strict):
    take_doubtful = Flag(load_default=False, metadata={"description": "whether doubtful rows are imported too"})


class RowsIn(Strict):
    outcome = Choice(NOTABLE, load_default="refused")
    format = Choice(FORMATS, load_default="csv")


class ColumnOut(Schema):
    column = fields.String(required=True, metadata={"description": "letters of the column"})
    heading = fields.String(required=True)
    field = fields.String(required=True, allow_none=True, metadata={"description": "null: the column is not read"})


class TableOut(Schema):
    """What was found out about the file."""

    format = Choice(FORMATS, required=True)
    encoding = fields.String(required=True, allow_none=True)
    delimiter = fields.String(required=True, allow_none=True)
    sheet = fields.String(required=True, allow_none=True)
    unread_sheets = fields.List(fields.String(), required=True)
    heading_row = fields.Integer(required=True)
    columns = fields.List(fields.Nested(ColumnOut), required=True)


class NoteOut(Schema):
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
    done = fields.Integer(required=True, metadata={"description": "rows that the present pass has dealt with"})
    rows = fields.Integer(required=True, allow_none=True, metadata={"description": "known once the table is checked"})


class FailureOut(Schema):
    code = fields.String(required=True)
    title = fields.String(required=True)


class ImportOut(Schema):
    """A table on its way into the service. The file is deleted once it is imported, refused rows seven days after it was sent."""

    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    kind = Choice(IMPORT_KINDS, required=True)
    region = fields.String(required=True)
    state = Choice(IMPORT_STATES, required=True)
    size = fields.Integer(required=True, metadata={"description": "bytes"})
    table = fields.Nested(TableOut, required=True, allow_none=True)
    progress = fields.Nested(ProgressOut, required=True)
    found = fields.Nested(CountsOut, required=True, metadata={"description": "what the check expects"})
    written = fields.Nested(CountsOut, required=True, allow_none=True, metadata={"description": "what the import did so far"})
    problem = fields.Nested(FailureOut, required=True, allow_none=True, metadata={"description": "why it could not be read or imported"})
    created_by = fields.UUID(required=True)
    created_at = fields.AwareDateTime(required=True)
    confirmed_by = fields.UUID(required=True, allow_none=True)
    confirmed_at = fields.AwareDateTime(required=True, allow_none=True)
    ended_at = fields.AwareDateTime(required=True, allow_none=True)
    keep_until = fields.AwareDateTime(required=True)
    allowed = AllowedOperations()


class MappingIn(Strict):
    kind = Choice(IMPORT_KINDS, required=True)
    region = Region((0, 2, 4, 6, 9, 12), required=True, metadata={"description": "usable for tables of this region and all below"})
    name = Text(60, required=True)
    columns = fields.List(fields.Nested(ColumnIn), required=True, validate=validate.Length(min=1, max=100, error="out_of_range"))


class MappingsIn(PageIn):
    kind = Choice(IMPORT_KINDS)


class MappingColumnOut(Schema):
    heading = fields.String(required=True)
    field = fields.String(required=True, allow_none=True)


class MappingOut(Schema):
    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    kind = Choice(IMPORT_KINDS, required=True)
    region = fields.String(required=True)
    name = fields.String(required=True)
    columns = fields.List(fields.Nested(MappingColumnOut), required=True)
    saved_by = fields.UUID(required=True)
    saved_at = fields.AwareDateTime(required=True)
    allowed = AllowedOperations()


ImportPage = page_of(ImportOut)
MappingPage = page_of(MappingOut)


@api.post("/imports")
@access(who=STAFF, x_view="region", body_bytes=rules.MOST_FILE_BYTES, body_types=TYPES)
@api.input(ImportIn, location="query")
@api.output(ImportOut, 202)
def send_table(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """Send a CSV or XLSX table of at most 20 MB and 200,000 rows. It is only checked; nothing is imported before the confirmation.

    Its state, progress and what would be new, changed, refused or doubtful are at the address in `Location`.
    """
    return _answer(actions.send_table(session, caller, request.get_data(), query_data), caller, 202)


@api.get("/imports")
@access(who=STAFF, x_view="region")
@api.input(PageIn, location="query")
@api.output(ImportPage)
def list_imports(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List the imports of the caller's regions, newest first."""
    page = queries.list_imports(session, caller, **query_data)
    return page | {"items": [_import_out(one, caller) for one in page["items"]]}


@api.get("/imports/<uuid:import_id>")
@access(who=STAFF, x_view="region")
@api.output(ImportOut)
def get_import(session: Session, caller: Caller, import_id: UUID) -> Any:
    """Get an import of the caller's regions: its state, its progress, what was found and what was written."""
    return _import_out(queries.get_import(session, caller, import_id), caller)


@api.post("/imports/<uuid:import_id>/check")
@access(who=STAFF, x_view="region")
@api.input(CheckIn)
@api.output(ImportOut, 202)
def check_import(session: Session, caller: Caller, import_id: UUID, json_data: dict[str, Any]) -> Any:
    """Have a table checked again, with another sheet or mapping of its headings."""
    return _answer(actions.check_again(session, caller, import_id, json_data), caller, 202)


@api.post("/imports/<uuid:import_id>/confirmation")
@access(who=STAFF, x_view="region")
@api.input(ConfirmationIn)
@api.output(ImportOut, 202)
def confirm_import(session: Session, caller: Caller, import_id: UUID, json_data: dict[str, Any]) -> Any:
    """Have a checked table imported. Rows are judged once more as they are written, in batches; a batch is never half written."""
    return _answer(actions.confirm(session, caller, import_id, json_data["take_doubtful"]), caller, 202)


@api.get("/imports/<uuid:import_id>/refused")
@access(who=STAFF, x_view="region")
@api.input(RowsIn, location="query")
@api.doc(responses=FILES)
def download_import_rows(session: Session, caller: Caller, import_id: UUID, query_data: dict[str, Any]) -> Any:
    """Download refused rows, or those of another outcome, with reasons and original cells: of the import, or else of its check."""
    one = queries.get_import(session, caller, import_id)
    if one.table_read is None or one.deleted_at:
        raise not_found()
    note_shown(caller, "import", one.id, people=[], region=one.region)
    columns = json.loads(one.table_read)["columns"]
    rows = files.load_rows(session, one.id, one.is_check, query_data["outcome"], columns)
    content, kind = _written([column["heading"] for column in columns], rows, query_data["format"])
    name = f"{query_data['outcome']}-{one.id}.{query_data['format']}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(content, content_type=kind, headers=headers)


@api.post("/import-mappings")
@access(who=STAFF, x_view="region")
@api.input(MappingIn)
@api.output(MappingOut, 201)
def save_import_mapping(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Save which field each heading names, for tables of a region that the caller manages and of all below."""
    mapping = actions.save_mapping(session, caller, json_data)
    return _mapping_out(mapping, caller), 201, {"Location": f"/v1/import-mappings/{mapping.id}"}


@api.get("/import-mappings")
@access(who=STAFF, x_view="region")
@api.input(MappingsIn, location="query")
@api.output(MappingPage)
def list_import_mappings(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List the saved mappings that tables of the caller's regions may use, newest first."""
    page = queries.list_mappings(session, caller, **query_data)
    return page | {"items": [_mapping_out(one, caller) for one in page["items"]]}


@api.get("/import-mappings/<uuid:mapping_id>")
@access(who=STAFF, x_view="region")
@api.output(MappingOut)
def get_import_mapping(session: Session, caller: Caller, mapping_id: UUID) -> Any:
    """Get a saved mapping."""
    return _mapping_out(queries.get_mapping(session, caller, mapping_id), caller)


@api.post("/import-mappings/<uuid:mapping_id>/removal")
@access(who=STAFF, x_view="region", idempotent=False)
@api.input(NothingIn)
@api.output(MappingOut, 201)
def remove_import_mapping(session: Session, caller: Caller, mapping_id: UUID, json_data: dict[str, Any]) -> Any:
    """Remove a saved mapping, as an administrator of its region."""
    return _mapping_out(actions.remove_mapping(session, caller, mapping_id), caller), 201


def _answer(one: Import, caller: Caller, status: int) -> Any:
    return _import_out(one, caller), status, {"Location": f"/v1/imports/{one.id}"}


def _import_out(one: Import, caller: Caller) -> dict[str, Any]:
    note_shown(caller, "import", one.id, people=[], region=one.region, masked=True)
    counts = one.found if one.is_check else one.written
    made: dict[str, Any] = {
        "table": json.loads(one.table_read) if one.table_read else None,
        "progress": {"done": sum(counts.get(outcome, 0) for outcome in OUTCOMES), "rows": one.rows},
        "found": _counts_out(one.found),
        "written": None if one.is_check else _counts_out(one.written),
        "problem": _failure_out(*json.loads(one.problem)) if one.problem else None,
        "allowed": rules.acts_on_import(caller, one),
    }
    return {name: getattr(one, name) for name in ImportOut.names() if name not in made} | made


def _counts_out(counts: dict[str, int]) -> dict[str, Any]:
    notes = [
        {"code": code, "message": say(code, language(), {}), "rows": number} for code, number in counts.items() if code not in OUTCOMES
    ]
    return {outcome: counts.get(outcome, 0) for outcome in OUTCOMES} | {"notes": notes}


def _failure_out(code: str, details: dict[str, str]) -> dict[str, str]:
    return {"code": code, "title": say(code, language(), details)}


def _mapping_out(mapping: ImportMapping, caller: Caller) -> dict[str, Any]:
    note_shown(caller, "import_mapping", mapping.id, people=[], region=mapping.region, masked=True)
    made: dict[str, Any] = {
        "columns": [{"heading": heading, "field": field} for heading, field in mapping.columns],
        "allowed": rules.acts_on_mapping(caller, mapping),
    }
    return {name: getattr(mapping, name) for name in MappingOut.names() if name not in made} | made


def _written(headings: list[str], rows: Iterator[RefusedRow], wanted: str) -> tuple[bytes, str]:
    if wanted == "csv":
        return b"".join(write_csv(headings, rows)), "text/csv; charset=utf-8"
    file = BytesIO()
    write_xlsx(file, headings, rows)
    return file.getvalue(), XLSX
