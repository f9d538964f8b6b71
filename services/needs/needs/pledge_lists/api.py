"""HTTP operations on lists of pledges: a giver's spreadsheet is read, the giver settles what is doubtful, and the list is offered."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from flask import request
from marshmallow import fields, validate
from sqlalchemy.orm import Session

from chassis.http.auth import GIVERS, Caller
from chassis.http.fields import NEVER, Category, Choice, Flag, Moment, Schema, Strict, Text, Whole
from chassis.http.pagination import PageIn, page_of
from chassis.http.routes import access
from chassis.problems import language
from chassis.tables.faults import Fault, message
from needs.catalogue.defaults import catalogue
from needs.filters import BEST_BEFORE, QUANTITY, Scope
from needs.imports.actions import MOST_POSTED, Line
from needs.imports.api import MOST_FILE_BYTES, MOST_LIST_BYTES, TYPES, NoteOut, joined
from needs.pledge_lists import actions, queries
from needs.pledge_lists.labels import OUTCOMES, WORDS
from needs.pledge_lists.model import PledgeList
from needs.rules import open_quantity

api = APIBlueprint("pledge_lists", __name__)
_STATED = ("region", "valid_until", "best_before", "limit_per_household")


class PledgeReadingIn(Strict):
    """The region that the gifts of the list in the body may go to, if its lines state none."""

    region = Scope(load_default="", metadata={"description": "of the lines without one; empty is the whole country"})
    sheet = Text(100, metadata={"description": "the sheet of a workbook; by default the only visible one with the headings"})


class ReadPledgeLineOut(Schema):
    """A line as it was read. What is not certain is null, and `notes` say what its giver has to settle."""

    row = fields.Integer(required=True, metadata={"description": "the spreadsheet's row number"})
    outcome = Choice(OUTCOMES, required=True)
    item = fields.String(required=True, allow_none=True, metadata={"description": "the name as it is written"})
    quantity_written = fields.String(required=True, allow_none=True)
    note = fields.String(required=True, allow_none=True)
    category = fields.String(required=True, allow_none=True)
    candidates = fields.List(fields.String(), required=True, metadata={"description": "items that the name is like, the likeliest first"})
    unit = fields.String(required=True, allow_none=True, metadata={"description": "of the catalogue"})
    quantity = fields.Integer(required=True, allow_none=True, metadata={"description": "in the unit of the catalogue"})
    region = fields.String(required=True, allow_none=True)
    valid_until = fields.AwareDateTime(required=True, allow_none=True, metadata={"description": "the end of the day that is written"})
    best_before = fields.AwareDateTime(required=True, allow_none=True)
    limit_per_household = fields.Integer(required=True, allow_none=True)
    notes = fields.List(fields.Nested(NoteOut), required=True)


class ReadPledgeListOut(Schema):
    """A list of gifts as it was read. Nothing is stored."""

    sheet = fields.String(required=True, allow_none=True)
    encoding = fields.String(required=True, allow_none=True)
    heading_row = fields.Integer(required=True)
    ready = fields.Integer(required=True)
    held = fields.Integer(required=True)
    refused = fields.Integer(required=True)
    lines = fields.List(fields.Nested(ReadPledgeLineOut), required=True)


class PledgeListLineIn(Strict):
    row = Whole(1, 2_000_000, metadata={"description": "the spreadsheet's row number"})
    item = Text(100, metadata={"description": "the name as it is written: the giver's lists are read by it from then on"})
    category = Category(required=True, metadata={"description": "an item of the catalogue"})
    quantity = Whole(*QUANTITY, required=True, metadata={"description": "in the unit of the catalogue"})
    region = Scope(metadata={"description": "by default that of the list"})
    valid_until = Moment(metadata={"description": "by default that of the list"})
    best_before = Moment(metadata={"description": BEST_BEFORE})
    limit_per_household = Whole(*QUANTITY, metadata={"description": "the most that one household may get of the pledge"})
    note = Text(500, metadata={"description": "seen by the pledger only"})
    again = Flag(load_default=False, metadata={"description": "whether the same is offered once more although it stands in a list already"})


class PledgeListIn(Strict):
    region = Scope(load_default="", metadata={"description": "of the lines without one of their own; empty is the whole country"})
    valid_until = Moment(required=True, metadata={"description": "of the lines without one of their own"})
    lines = fields.List(
        fields.Nested(PledgeListLineIn),
        required=True,
        validate=validate.Length(min=1, max=MOST_POSTED, error="out_of_range"),
        error_messages=NEVER | {"invalid": "wrong"},
    )


class OfferedLineOut(Schema):
    row = fields.Integer(required=True, allow_none=True)
    pledge_id = fields.UUID(required=True)
    category = fields.String(required=True)
    unit = fields.String(required=True)
    quantity = fields.Integer(required=True)
    open = fields.Integer(required=True, metadata={"description": "neither accepted nor waiting for an answer"})
    region = fields.String(required=True)
    valid_until = fields.AwareDateTime(required=True)
    withdrawn = fields.Boolean(required=True)


class PledgeListOut(Schema):
    id = fields.UUID(required=True)
    offered_at = fields.AwareDateTime(required=True)


class WholePledgeListOut(PledgeListOut):
    """An offered list with its pledges, as they are now."""

    lines = fields.List(fields.Nested(OfferedLineOut), required=True)


PledgeListPage = page_of(PledgeListOut)


@api.post("/pledge-lists/reading")
@access(who=GIVERS, x_view="own", idempotent=False, slow=True, body_bytes=MOST_FILE_BYTES, body_types=TYPES)
@api.input(PledgeReadingIn, location="query")
@api.output(ReadPledgeListOut)
def read_pledge_list(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """Read a CSV or XLSX list of at most 1,000 gifts. Nothing is stored.

    Names of items and quantities are read where they are certain. The other lines are held, with what their giver has to settle.
    """
    table, lines = actions.read_list(session, caller, request.get_data(), query_data)
    outcomes = [line.outcome for line in lines]
    return {
        "sheet": table.sheet,
        "encoding": table.encoding,
        "heading_row": table.heading_row,
        **{outcome: outcomes.count(outcome) for outcome in OUTCOMES},
        "lines": [_line_out(line) for line in lines],
    }


@api.post("/pledge-lists")
@access(who=GIVERS, x_view="own", body_bytes=MOST_LIST_BYTES)
@api.input(PledgeListIn)
@api.output(WholePledgeListOut, 201)
def offer_pledge_list(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Offer at most 300 gifts of a list, all or none. What an earlier list offers still is refused unless its line says `again`."""
    offered = actions.offer_list(session, caller, json_data)
    return _whole_out(session, offered), 201, {"Location": f"/v1/pledge-lists/{offered.id}"}


@api.get("/pledge-lists")
@access(who=GIVERS, x_view="own")
@api.input(PageIn, location="query")
@api.output(PledgeListPage)
def list_pledge_lists(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List the caller's lists of pledges, newest first."""
    return queries.list_lists(session, caller, **query_data)


@api.get("/pledge-lists/<uuid:list_id>")
@access(who=GIVERS, x_view="own")
@api.output(WholePledgeListOut)
def get_pledge_list(session: Session, caller: Caller, list_id: UUID) -> Any:
    """Get a list of the caller's with its pledges, as they are now."""
    return _whole_out(session, queries.get_list(session, caller, list_id))


def _whole_out(session: Session, offered: PledgeList) -> dict[str, Any]:
    shown = ("category", "unit", "quantity", "region", "valid_until", "withdrawn")
    lines = [
        {"row": row, "pledge_id": pledge.id, "open": open_quantity(pledge)} | {name: getattr(pledge, name) for name in shown}
        for row, pledge in queries.load_lines(session, offered.id)
    ]
    return {"id": offered.id, "offered_at": offered.offered_at, "lines": lines}


def _line_out(line: Line) -> dict[str, Any]:
    item = catalogue().get(line.category or "")
    return {name: line.stated.get(name) for name in _STATED} | {
        "row": line.row,
        "outcome": line.outcome,
        "item": line.written.get("item"),
        "note": line.written.get("note"),
        "quantity_written": joined(line, "quantity", "unit"),
        "category": line.category,
        "candidates": [*line.candidates],
        "unit": item.unit if item else None,
        "quantity": line.quantity,
        "notes": [_note_out(one) for one in (*line.faults, *line.notes)],
    }


def _note_out(fault: Fault) -> dict[str, Any]:
    return {"code": fault.code, "field": fault.field, "message": message(fault.words or fault.code, language(), fault.details, WORDS)}
