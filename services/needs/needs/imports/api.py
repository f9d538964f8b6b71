"""HTTP operations on lists of needs: a spreadsheet is read, a person settles what is doubtful, and the list is posted."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from flask import request
from marshmallow import fields, validate
from sqlalchemy.orm import Session

from chassis.http.auth import STAFF, Caller
from chassis.http.fields import NEVER, Category, Choice, Id, Schema, Strict, Text, Whole
from chassis.http.pagination import PageIn, page_of
from chassis.http.routes import access
from chassis.http.shown import note_shown
from chassis.problems import language
from chassis.tables.faults import Fault, message
from needs.imports import actions, queries
from needs.imports.actions import MOST_POSTED, Line
from needs.imports.labels import CONSENT, OUTCOMES, URGENCY, WORDS
from needs.imports.model import NeedList
from needs.imports.quantities import MOST

api = APIBlueprint("need_lists", __name__)

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
TYPES = {"text/csv", "text/plain", "text/tab-separated-values", "application/vnd.ms-excel", "application/octet-stream", XLSX}
MOST_FILE_BYTES, MOST_LIST_BYTES = 2 << 20, 1 << 20


class ReadingIn(Strict):
    """Whom the list in the body is for."""

    household_id = Id(required=True, metadata={"description": "a household or an institution in a region that the caller manages"})
    sheet = Text(100, metadata={"description": "the sheet of a workbook; by default the only visible one with the headings"})


class NoteOut(Schema):
    code = fields.String(required=True)
    field = fields.String(required=True, allow_none=True, metadata={"description": "the column that it is about; null for the whole row"})
    message = fields.String(required=True)


class ReadLineOut(Schema):
    """A line as it was read. What is not certain is null, and `notes` say what a person has to settle."""

    row = fields.Integer(required=True, metadata={"description": "the spreadsheet's row number"})
    outcome = Choice(OUTCOMES, required=True)
    item = fields.String(required=True, allow_none=True, metadata={"description": "the name as it is written"})
    quantity_written = fields.String(required=True, allow_none=True)
    specification = fields.String(required=True, allow_none=True)
    reason = fields.String(required=True, allow_none=True)
    remark = fields.String(required=True, allow_none=True)
    urgency = Choice(URGENCY, required=True)
    category = fields.String(required=True, allow_none=True)
    candidates = fields.List(fields.String(), required=True, metadata={"description": "items that the name is like, the likeliest first"})
    quantity = fields.Integer(required=True, allow_none=True, metadata={"description": "in the unit of the catalogue"})
    notes = fields.List(fields.Nested(NoteOut), required=True)


class ReadListOut(Schema):
    """A list as it was read. Nothing is stored."""

    household_id = fields.UUID(required=True)
    sheet = fields.String(required=True, allow_none=True)
    encoding = fields.String(required=True, allow_none=True)
    heading_row = fields.Integer(required=True)
    ready = fields.Integer(required=True)
    held = fields.Integer(required=True)
    refused = fields.Integer(required=True)
    lines = fields.List(fields.Nested(ReadLineOut), required=True)


class ListLineIn(Strict):
    row = Whole(1, 2_000_000, metadata={"description": "the spreadsheet's row number"})
    item = Text(100, metadata={"description": "the name as it is written: the county's lists are read by it from then on"})
    category = Category(required=True)
    quantity = Whole(1, MOST, required=True, metadata={"description": "in the unit of the catalogue"})
    urgency = Choice(URGENCY, load_default="normal")
    # By its name: the module of the operations on needs imports this one's package.
    specification = fields.Nested("SpecificationIn", metadata={"description": "the fields that the catalogue lists for the item"})
    reason = Text(500, metadata={"description": "personal; by default the reason of the list"})


class ListIn(Strict):
    household_id = Id(required=True)
    consent = Choice(CONSENT, metadata={"description": "how the household agreed; an institution asks for itself"})
    reason = Text(500, required=True, metadata={"description": "of the lines without one of their own; personal"})
    lines = fields.List(
        fields.Nested(ListLineIn),
        required=True,
        validate=validate.Length(min=1, max=MOST_POSTED, error="out_of_range"),
        error_messages=NEVER | {"invalid": "wrong"},
    )


class PostedLineOut(Schema):
    row = fields.Integer(required=True, allow_none=True)
    need_id = fields.UUID(required=True)
    state = fields.String(required=True, metadata={"description": "of the need, as `GET /v1/needs/{need_id}` has it"})
    category = fields.String(required=True)
    unit = fields.String(required=True)
    quantity = fields.Integer(required=True)


class NeedListOut(Schema):
    id = fields.UUID(required=True)
    household_id = fields.UUID(required=True)
    region = fields.String(required=True)
    posted_by = fields.UUID(required=True)
    posted_at = fields.AwareDateTime(required=True)


class WholeNeedListOut(NeedListOut):
    """A posted list with its needs, as they are now."""

    lines = fields.List(fields.Nested(PostedLineOut), required=True)


NeedListPage = page_of(NeedListOut)


@api.post("/need-lists/reading")
@access(who=STAFF, x_view="region", idempotent=False, slow=True, body_bytes=MOST_FILE_BYTES, body_types=TYPES)
@api.input(ReadingIn, location="query")
@api.output(ReadListOut)
def read_need_list(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """Read a CSV or XLSX list of at most 1,000 needs of a household or institution. Nothing is stored.

    Names of items and quantities are read where they are certain. The other lines are held, with what a person has to settle.
    """
    household, table, lines = actions.read_list(session, caller, request.get_data(), query_data)
    people = [] if household.is_institution else [household.account_id or household.id]
    note_shown(caller, "household", household.id, people=people, region=household.region)
    outcomes = [line.outcome for line in lines]
    return {
        "household_id": household.id,
        "sheet": table.sheet,
        "encoding": table.encoding,
        "heading_row": table.heading_row,
        **{outcome: outcomes.count(outcome) for outcome in OUTCOMES},
        "lines": [_line_out(line) for line in lines],
    }


@api.post("/need-lists")
@access(who=STAFF, x_view="region", body_bytes=MOST_LIST_BYTES)
@api.input(ListIn)
@api.output(WholeNeedListOut, 201)
def post_need_list(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Post at most 300 needs of a list, all or none, for a household or institution in the caller's region. Each waits to be verified."""
    posted = actions.post_list(session, caller, json_data)
    return _whole_out(session, posted, caller), 201, {"Location": f"/v1/need-lists/{posted.id}"}


@api.get("/need-lists")
@access(who=STAFF, x_view="region")
@api.input(PageIn, location="query")
@api.output(NeedListPage)
def list_need_lists(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List the posted lists of the regions that the caller manages, newest first."""
    page = queries.list_lists(session, caller, **query_data)
    return page | {"items": [_list_out(one, caller) for one in page["items"]]}


@api.get("/need-lists/<uuid:list_id>")
@access(who=STAFF, x_view="region")
@api.output(WholeNeedListOut)
def get_need_list(session: Session, caller: Caller, list_id: UUID) -> Any:
    """Get a posted list of the caller's regions with its needs, as they are now."""
    return _whole_out(session, queries.get_list(session, caller, list_id), caller)


def _list_out(posted: NeedList, caller: Caller) -> dict[str, Any]:
    note_shown(caller, "need_list", posted.id, people=[posted.household_id], region=posted.region)
    return {name: getattr(posted, name) for name in NeedListOut.names()}


def _whole_out(session: Session, posted: NeedList, caller: Caller) -> dict[str, Any]:
    lines = [
        {"row": row, "need_id": need.id} | {name: getattr(need, name) for name in ("state", "category", "unit", "quantity")}
        for row, need in queries.load_lines(session, posted.id)
    ]
    return _list_out(posted, caller) | {"lines": lines}


def _line_out(line: Line) -> dict[str, Any]:
    made: dict[str, Any] = {name: line.written.get(name) for name in ("item", "reason", "remark")}
    stated = line.written.get("urgency", "normal")
    return made | {
        "row": line.row,
        "outcome": line.outcome,
        "quantity_written": joined(line, "quantity", "unit"),
        "specification": joined(line, "specification", "model"),
        "urgency": stated if stated in URGENCY else "normal",
        "category": line.category,
        "candidates": [*line.candidates],
        "quantity": line.quantity,
        "notes": [_note_out(one) for one in (*line.faults, *line.notes)],
    }


def joined(line: Line, *names: str) -> str | None:
    """Return what some columns of a line hold, as it is written."""
    return " ".join(line.written[name] for name in names if name in line.written) or None


def _note_out(fault: Fault) -> dict[str, Any]:
    words = fault.words or fault.code
    return {"code": fault.code, "field": fault.field, "message": message(words, language(), fault.details, WORDS)}
