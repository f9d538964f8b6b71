"""HTTP operations on large tables of needs: sent, checked, confirmed, posted in the background; refused rows go out as a table."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from flask import request
from marshmallow import fields, validate
from sqlalchemy.orm import Session

from chassis.http.auth import STAFF, Caller
from chassis.http.fields import NEVER, AllowedOperations, Category, Choice, Region, Schema, Strict, Text
from chassis.http.pagination import PageIn, page_of
from chassis.http.routes import access
from chassis.imports import queries
from chassis.imports.api import (
    FILES,
    IMPORT_STATES,
    TYPES,
    ConfirmationIn,
    CountsOut,
    FailureOut,
    NoteOut,
    ProgressOut,
    RowsIn,
    TableOut,
    answer_rows,
    columns_field,
    describe_import,
)
from chassis.imports.rules import MOST_FILE_BYTES
from needs.imports import sending
from needs.imports.actions import MOST_POSTED
from needs.imports.labels import TABLE_WORDS
from needs.imports.model import Import
from needs.imports.tables import IMPORTS

api = APIBlueprint("need_imports", __name__)


class NeedImportIn(Strict):
    """The region of the table in the body."""

    region = Region(
        (2, 4, 6, 9, 12),
        required=True,
        metadata={"description": "every household or institution of the table lies in it; the caller manages it"},
    )
    sheet = Text(100, metadata={"description": "the sheet of a workbook; by default the only visible one with the headings"})


class SettledNameIn(Strict):
    item = Text(100, required=True, metadata={"description": "a name as the table has it: the county's tables are read by it from then on"})
    category = Category(required=True, metadata={"description": "the item of the catalogue that it means"})


class NeedCheckIn(Strict):
    sheet = Text(100)
    columns = columns_field()
    settled_names = fields.List(
        fields.Nested(SettledNameIn),
        validate=validate.Length(max=MOST_POSTED, error="out_of_range"),
        error_messages=NEVER | {"invalid": "wrong"},
    )


class UnknownNameOut(Schema):
    item = fields.String(required=True, metadata={"description": "without spaces and marks"})
    rows = fields.Integer(required=True)


class ImportNoteOut(NoteOut):
    """A word about rows that are not refused."""


class ImportCountsOut(CountsOut):
    """Rows by outcome. Doubtful rows are posted only when the confirmation takes them; none is ever `changed`."""

    same = fields.Integer(required=True, metadata={"description": "posted already by an earlier table, exactly so"})
    notes = fields.List(fields.Nested(ImportNoteOut), required=True, metadata={"description": "words about rows that are not refused"})


class NeedImportOut(Schema):
    """A table of needs on its way. The file is deleted once it is imported, refused rows seven days after it was sent."""

    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    region = fields.String(required=True)
    state = Choice(IMPORT_STATES, required=True)
    size = fields.Integer(required=True, metadata={"description": "bytes"})
    table = fields.Nested(TableOut, required=True, allow_none=True)
    progress = fields.Nested(ProgressOut, required=True)
    found = fields.Nested(ImportCountsOut, required=True, metadata={"description": "what the check expects"})
    written = fields.Nested(ImportCountsOut, required=True, allow_none=True, metadata={"description": "what the import did so far"})
    problem = fields.Nested(FailureOut, required=True, allow_none=True, metadata={"description": "why it could not be read or imported"})
    unknown_names = fields.List(
        fields.Nested(UnknownNameOut), required=True, metadata={"description": "names that no item has, those of most rows first"}
    )
    created_by = fields.UUID(required=True)
    created_at = fields.AwareDateTime(required=True)
    confirmed_by = fields.UUID(required=True, allow_none=True)
    confirmed_at = fields.AwareDateTime(required=True, allow_none=True)
    ended_at = fields.AwareDateTime(required=True, allow_none=True)
    keep_until = fields.AwareDateTime(required=True)
    allowed = AllowedOperations()


NeedImportPage = page_of(NeedImportOut)


@api.post("/need-imports")
@access(who=STAFF, x_view="region", body_bytes=MOST_FILE_BYTES, body_types=TYPES)
@api.input(NeedImportIn, location="query")
@api.output(NeedImportOut, 202)
def send_need_table(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """Send a CSV or XLSX table with needs of many households and institutions, of at most 20 MB and 200,000 rows. It is only checked.

    Each row names its household by the id of the register. Nothing is posted before the confirmation.
    """
    return _answer(sending.send_table(session, caller, request.get_data(), query_data), caller)


@api.get("/need-imports")
@access(who=STAFF, x_view="region")
@api.input(PageIn, location="query")
@api.output(NeedImportPage)
def list_need_imports(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List the imports of needs of the caller's regions, newest first."""
    page = queries.list_imports(IMPORTS, session, caller, **query_data)
    return page | {"items": [_import_out(one, caller) for one in page["items"]]}


@api.get("/need-imports/<uuid:import_id>")
@access(who=STAFF, x_view="region")
@api.output(NeedImportOut)
def get_need_import(session: Session, caller: Caller, import_id: UUID) -> Any:
    """Get an import of needs of the caller's regions: its state, its progress, what was found and what was posted."""
    return _import_out(queries.get_import(IMPORTS, session, caller, import_id), caller)


@api.post("/need-imports/<uuid:import_id>/check")
@access(who=STAFF, x_view="region")
@api.input(NeedCheckIn)
@api.output(NeedImportOut, 202)
def check_need_import(session: Session, caller: Caller, import_id: UUID, json_data: dict[str, Any]) -> Any:
    """Have a table checked again: with another sheet or mapping of its headings, or after saying which items its unknown names mean."""
    return _answer(sending.check_again(session, caller, import_id, json_data), caller)


@api.post("/need-imports/<uuid:import_id>/confirmation")
@access(who=STAFF, x_view="region")
@api.input(ConfirmationIn)
@api.output(NeedImportOut, 202)
def confirm_need_import(session: Session, caller: Caller, import_id: UUID, json_data: dict[str, Any]) -> Any:
    """Have the needs of a checked table posted. Rows are judged once more, in batches; a batch is never half posted."""
    return _answer(sending.confirm(session, caller, import_id, json_data["take_doubtful"]), caller)


@api.get("/need-imports/<uuid:import_id>/refused")
@access(who=STAFF, x_view="region")
@api.input(RowsIn, location="query")
@api.doc(responses=FILES)
def download_need_import_rows(session: Session, caller: Caller, import_id: UUID, query_data: dict[str, Any]) -> Any:
    """Download refused rows, or those of another outcome, with reasons and original cells: of the import, or else of its check."""
    one = queries.get_import(IMPORTS, session, caller, import_id)
    return answer_rows(IMPORTS, session, caller, one, query_data["outcome"], query_data["format"], TABLE_WORDS)


def _answer(one: Import, caller: Caller) -> Any:
    return _import_out(one, caller), 202, {"Location": f"/v1/need-imports/{one.id}"}


def _import_out(one: Import, caller: Caller) -> dict[str, Any]:
    shown = describe_import(caller, one, NeedImportOut.names(), sending.acts_on_import(caller, one), TABLE_WORDS)
    names = sorted(one.unknown_names.items(), key=lambda name: (-name[1], name[0]))
    return shown | {"unknown_names": [{"item": item, "rows": rows} for item, rows in names]}
