"""What insight answers over HTTP."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from marshmallow import Schema, fields
from sqlalchemy.orm import Session

from chassis.auth import SIGNED_IN, Caller
from chassis.fields import Id, Strict, Text
from chassis.http import access
from chassis.pages import PageIn, page_of
from insight import actions, queries

api = APIBlueprint("insight", __name__, url_prefix="/v1")


class NoteIn(Strict):
    need_id = Id(required=True)
    text = Text(500, required=True)


class NoteOut(Schema):
    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    need_id = fields.UUID(required=True)
    text = fields.String(required=True)
    written_at = fields.AwareDateTime(required=True)


@api.post("/insight")
@access(who=SIGNED_IN, view="own")
@api.input(NoteIn)
@api.output(NoteOut, 201)
def write_note(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Write about a need that is open."""
    note = actions.write_note(session, caller, json_data)
    return note, 201, {"Location": f"/v1/insight/{note.id}"}


@api.get("/insight")
@access(who=SIGNED_IN, view="own")
@api.input(PageIn, location="query")
@api.output(page_of(NoteOut))
def list_own_notes(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """One's own notes, newest first."""
    return queries.own_notes(session, caller, **query_data)


@api.get("/insight/<uuid:note_id>")
@access(who=SIGNED_IN, view="own")
@api.output(NoteOut)
def get_note(session: Session, caller: Caller, note_id: UUID) -> Any:
    """One of one's own notes."""
    return queries.own_note(session, caller, note_id)
