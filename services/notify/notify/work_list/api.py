"""HTTP routes of a village's work list on paper: print it, and mark its lines as told afterwards."""

from typing import Any

from apiflask import APIBlueprint
from flask import Response
from marshmallow import fields, validate
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.data.region_names import find_region_names
from chassis.http.auth import STAFF, Caller, find_token
from chassis.http.fields import Id, Region, Schema, Strict
from chassis.http.routes import access
from chassis.http.shown import note_shown
from notify.settings import WorkListSettings
from notify.templates.speaking import Speaker
from notify.work_list import actions, queries
from notify.work_list.names import fetch_names
from notify.work_list.paper import draw_list

api = APIBlueprint("work_list", __name__)

PDF: dict[int | str, dict[str, str | dict[str, dict[str, Any]]]] = {
    201: {"description": "the work list, A4", "content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}}}
}


class WorkListPaperIn(Strict):
    region = Region(required=True, metadata={"description": "the village that the caller administers"})


class WorkListTellingIn(Strict):
    ids = fields.List(
        Id(),
        required=True,
        validate=validate.Length(1, queries.MOST, error="out_of_range"),
        metadata={"description": "lines of work lists"},
    )


class WorkListTellingOut(Schema):
    told = fields.Integer(required=True, metadata={"description": "lines that were open before"})


@api.post("/work-list/paper")
@access(who=STAFF, x_view="region", idempotent=False, slow=True)
@api.input(WorkListPaperIn)
@api.doc(responses=PDF)
def print_work_list(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Print the work list of the caller's own village, with the names of its households. Each look at a name is recorded.

    Administrators of a wider region read the lines without names at `/v1/work-list`.
    """
    settings = WorkListSettings.of_environment()
    found = queries.get_work_list(session, caller, json_data["region"])
    recipients = {one.message.recipient_id for one in found.entries if one.message.recipient_id}
    names = fetch_names(settings.users_url, find_token() or "", recipients)
    for entry in found.entries:
        note_shown(caller, "message", entry.message.id, people=[entry.message.recipient_id], region=found.region)
    speaker = Speaker.of(session, [entry.notice for entry in found.entries])
    village = "".join(find_region_names(session, found.region)[1:]) or found.region
    pdf = draw_list(found, names, speaker, village, settings.public_url, now())
    named = {"Content-Disposition": 'attachment; filename="work-list.pdf"', "Cache-Control": "no-store"}
    return Response(pdf, 201, content_type="application/pdf", headers=named)


@api.post("/work-list/telling")
@access(who=STAFF, x_view="region", idempotent=False)
@api.input(WorkListTellingIn)
@api.output(WorkListTellingOut, 201)
def tell_households(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """State that households were told what these lines say. A line that was told before stays so; one unknown line refuses all."""
    return {"told": actions.tell_all(session, caller, json_data["ids"])}, 201
