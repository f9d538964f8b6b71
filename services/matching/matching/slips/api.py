"""HTTP routes of slips and labels: printing with an account, reading and confirming a slip without one."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from flask import Response
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis.data.items import find_item
from chassis.data.region_names import find_region_names
from chassis.http.auth import ANYONE, GIVERS, STAFF, Caller
from chassis.http.fields import Choice, NothingIn, Schema, Strict, Text, Whole
from chassis.http.routes import access
from chassis.problems import language
from matching.book.labels import DIFFERENCES, STATES
from matching.book.model import Match, Slip
from matching.book.shown import note_of_match_shown
from matching.points.queries import find_nearest_point
from matching.settings import SlipSettings
from matching.slips import actions, page, queries
from matching.slips.paper import draw_label, draw_slip, write_label
from matching.slips.words import KINDS, format_amount, paper_words

api = APIBlueprint("slips", __name__)

PDF: dict[int | str, dict[str, str | dict[str, dict[str, Any]]]] = {
    201: {"description": "the slip, A6", "content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}}}
}
LABEL_PDF: dict[int | str, dict[str, str | dict[str, dict[str, Any]]]] = {
    200: {"description": "the label, 100 by 75 mm", "content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}}}
}
HTML: dict[int | str, dict[str, str | dict[str, dict[str, Any]]]] = {
    200: {"description": "the page", "content": {"text/html": {"schema": {"type": "string"}}}}
}


class SlipIn(Strict):
    token = Text(22, 22, pattern="[A-Za-z0-9_-]+", required=True, metadata={"description": "the part of the code after `#`"})


class ConfirmationIn(SlipIn):
    quantity = Whole(0, 10**9, metadata={"description": "units that arrived; all that were sent when left out"})
    reason = Choice(DIFFERENCES, metadata={"description": "required when fewer units arrived than were sent"})


class SlipOut(Schema):
    """The match of a slip: goods, never people."""

    title = fields.String(required=True, metadata={"description": "title of the slip, in the language of the caller: it fits the item"})
    kind = fields.String(required=True, metadata={"enum": KINDS, "description": "what is handed over"})
    asked = fields.String(required=True, metadata={"description": "the question for the quantity, in the language of the caller"})
    button = fields.String(required=True, metadata={"description": "the words to confirm by, in the language of the caller"})
    state = Choice(STATES, required=True, metadata={"description": "state of the match; it can be confirmed in `sent`"})
    category = fields.String(required=True)
    unit = fields.String(required=True)
    promised = fields.Integer(required=True)
    sent = fields.Integer(required=True)
    received = fields.Integer(required=True)
    text = fields.String(required=True, metadata={"description": "the sent goods, in the language of the caller"})
    charity = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "the registered charity that pays the money out; null for what is no money"},
    )
    used = fields.Boolean(required=True, metadata={"description": "true when this slip was used"})
    expires_at = fields.AwareDateTime(required=True)


class LabelOut(Schema):
    """The label of a parcel. It names an office and goods, never people."""

    recipient = fields.String(required=True, metadata={"description": "name of the collection point"})
    address = fields.String(required=True)
    telephone = fields.String(required=True, allow_none=True, metadata={"description": "of the office; null when it has none"})
    number = fields.String(required=True, metadata={"description": "number of the match, for people"})
    contents = fields.String(required=True)
    hours = fields.String(required=True)
    do_not_bring = fields.String(required=True)
    text = fields.String(required=True, metadata={"description": "the label in Chinese, to copy to a carrier's form"})


@api.post("/matches/<uuid:match_id>/slip")
@access(who=STAFF, x_view="region", idempotent=False)
@api.input(NothingIn)
@api.doc(responses=PDF)
def print_slip(session: Session, caller: Caller, match_id: UUID, json_data: dict[str, Any]) -> Any:
    """Print a slip that confirms the receipt once, without an account; it revokes the slips printed before."""
    match, slip, token = actions.print_slip(session, caller, match_id)
    note_of_match_shown(caller, match, "slip", slip.id)
    names, point = find_region_names(session, match.region), find_nearest_point(session, match.region)
    item = find_item(session, match.category)
    pdf = draw_slip(match, slip, item, names, point, f"{SlipSettings.of_environment().public_url}/v1/slips/page#{token}")
    named = {"Content-Disposition": 'attachment; filename="slip.pdf"', "Cache-Control": "no-store"}
    return Response(pdf, 201, content_type="application/pdf", headers=named)


@api.get("/matches/<uuid:match_id>/label")
@access(who=GIVERS, x_view="own")
@api.output(LabelOut)
def get_label(session: Session, caller: Caller, match_id: UUID) -> Any:
    """Get the label of the caller's parcel, as fields and as text: its recipient is the collection point."""
    label = queries.get_label(session, caller, match_id)
    return label | {"text": write_label(label)}


@api.get("/matches/<uuid:match_id>/label/paper")
@access(who=GIVERS, x_view="own")
@api.doc(responses=LABEL_PDF)
def print_label(session: Session, caller: Caller, match_id: UUID) -> Any:
    """Get the label of the caller's parcel as a PDF."""
    pdf = draw_label(queries.get_label(session, caller, match_id), SlipSettings.of_environment().public_url)
    named = {"Content-Disposition": 'attachment; filename="label.pdf"', "Cache-Control": "no-store"}
    return Response(pdf, content_type="application/pdf", headers=named)


@api.post("/slips/reading")
@access(who=ANYONE, x_view="public", idempotent=False)
@api.input(SlipIn)
@api.output(SlipOut)
def read_slip(session: Session, caller: Caller | None, json_data: dict[str, Any]) -> Any:
    """Show the match of a slip to its holder. Unknown, revoked and expired slips get 404."""
    return _shown(session, *queries.get_slip(session, **json_data))


@api.post("/slips")
@access(who=ANYONE, x_view="public", idempotent=False)
@api.input(ConfirmationIn)
@api.output(SlipOut, 201)
def confirm_slip(session: Session, caller: Caller | None, json_data: dict[str, Any]) -> Any:
    """Confirm once, for the household's side, how much arrived."""
    return _shown(session, *actions.confirm_slip(session, **json_data)), 201


@api.get("/slips/page")
@access(who=ANYONE, x_view="public")
@api.doc(responses=HTML)
def show_slip_page(session: Session, caller: Caller | None) -> Any:
    """Serve the page that the code on a slip opens. Opening it does not send the token, which stands after `#`."""
    return Response(page.load_page(), content_type="text/html; charset=utf-8", headers={"Content-Security-Policy": page.content_policy()})


def _shown(session: Session, match: Match, slip: Slip) -> dict[str, Any]:
    figures = {kind: match.moved(kind) for kind in ("promised", "sent", "received")}
    item = find_item(session, match.category)
    spoken = format_amount(item, figures["sent"] or figures["promised"], match.unit, language())
    words = {name: paper_words(item.kind)[name][language() != "zh-CN"] for name in ("title", "asked", "button")}
    stated = words | {"kind": item.kind, "state": match.state, "category": match.category, "unit": match.unit, **figures, "text": spoken}
    return stated | {"charity": match.charity, "used": slip.used_at is not None, "expires_at": slip.expires_at}
