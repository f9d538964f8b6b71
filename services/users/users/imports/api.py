"""HTTP operations on imports: a table comes in, is checked, confirmed and imported; refused rows go out."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from flask import request
from marshmallow import fields, validate
from sqlalchemy.orm import Session

from chassis.http.auth import STAFF, Caller
from chassis.http.fields import AllowedOperations, Choice, Id, NothingIn, Region, Schema, Strict, Text
from chassis.http.pagination import PageIn, page_of
from chassis.http.routes import access
from chassis.http.shown import note_shown
from chassis.imports import queries as imports
from chassis.imports.api import (
    FILES,
    IMPORT_STATES,
    TYPES,
    ConfirmationIn,
    CountsOut,
    FailureOut,
    ProgressOut,
    RowsIn,
    TableOut,
    answer_rows,
    columns_field,
    describe_import,
)
from chassis.imports.rules import MOST_FILE_BYTES
from users.imports import actions, queries, rules
from users.imports.kinds import IMPORTS
from users.imports.lines import ALL_WORDS
from users.imports.model import Import, ImportMapping

api = APIBlueprint("imports", __name__)

IMPORT_KINDS = {
    "households": ("贫困户名册", "households"),
    "accounts": ("账号名单", "accounts"),
    "administrators": ("管理员名单", "administrators"),
}


class ImportIn(Strict):
    """The kind and the region of the table in the body."""

    kind = Choice(IMPORT_KINDS, required=True)
    region = Region(required=True, metadata={"description": "the region that the table is about, or one around it; every row lies in it"})
    sheet = Text(100, metadata={"description": "the sheet of a workbook; by default the only visible one with the headings"})
    mapping_id = Id(metadata={"description": "a saved mapping of headings"})


class CheckIn(Strict):
    sheet = Text(100)
    mapping_id = Id()
    columns = columns_field()


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
    columns = columns_field(required=True, validate=validate.Length(min=1, max=100, error="out_of_range"))


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
@access(who=STAFF, x_view="region", body_bytes=MOST_FILE_BYTES, body_types=TYPES)
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
    page = imports.list_imports(IMPORTS, session, caller, **query_data)
    return page | {"items": [_import_out(one, caller) for one in page["items"]]}


@api.get("/imports/<uuid:import_id>")
@access(who=STAFF, x_view="region")
@api.output(ImportOut)
def get_import(session: Session, caller: Caller, import_id: UUID) -> Any:
    """Get an import of the caller's regions: its state, its progress, what was found and what was written."""
    return _import_out(imports.get_import(IMPORTS, session, caller, import_id), caller)


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
    one = imports.get_import(IMPORTS, session, caller, import_id)
    return answer_rows(IMPORTS, session, caller, one, query_data["outcome"], query_data["format"], ALL_WORDS)


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
    return describe_import(caller, one, ImportOut.names(), rules.acts_on_import(caller, one), ALL_WORDS)


def _mapping_out(mapping: ImportMapping, caller: Caller) -> dict[str, Any]:
    note_shown(caller, "import_mapping", mapping.id, people=[], region=mapping.region, masked=True)
    made: dict[str, Any] = {
        "columns": [{"heading": heading, "field": field} for heading, field in mapping.columns],
        "allowed": rules.acts_on_mapping(caller, mapping),
    }
    return {name: getattr(mapping, name) for name in MappingOut.names() if name not in made} | made
