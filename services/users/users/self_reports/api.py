"""HTTP operations on self-reports: anybody makes one, the village visits and decides."""

import io
from typing import Any
from uuid import UUID

import segno
from apiflask import APIBlueprint
from flask import Response
from marshmallow import ValidationError, fields, validates_schema
from sqlalchemy.orm import Session

from chassis import problems
from chassis.data.database import now
from chassis.http.auth import ANYONE, STAFF, Caller
from chassis.http.fields import AllowedOperations, Choice, Flag, Id, Name, NothingIn, Region, Schema, Strict, Text, Whole
from chassis.http.pagination import PageIn, page_of
from chassis.http.routes import access
from chassis.http.shown import note_shown
from chassis.problems import Problem
from users.codes.asking import asker
from users.fields import DECLINING_REASONS, DIFFICULTIES, OUTCOMES, SELF_REPORT_STATES, Phone
from users.personal import mask_name, mask_phone
from users.regions.queries import get_region
from users.self_reports import actions, page, queries, rules
from users.self_reports.model import SelfReport
from users.self_reports.settings import PosterSettings

api = APIBlueprint("self_reports", __name__)

OVERDUE = {"visit": ("走访已逾期", "the visit is overdue"), "decision": ("认定已逾期", "the decision is overdue")}
HTML: dict[int | str, dict[str, str | dict[str, dict[str, Any]]]] = {
    200: {"description": "the page", "content": {"text/html": {"schema": {"type": "string"}}}}
}
SVG: dict[int | str, dict[str, str | dict[str, dict[str, Any]]]] = {
    200: {"description": "the code", "content": {"image/svg+xml": {"schema": {"type": "string"}}}}
}


class SelfReportIn(Strict):
    """Six facts: where, who, how many people, what happened, in one's own words, and a telephone if there is one."""

    region = Region((12,), required=True)
    name = Name(100, required=True)
    phone = Phone()
    people = Whole(1, 30, required=True, metadata={"description": "people in the household"})
    difficulty = Choice(DIFFICULTIES, required=True)
    story = Text(500, required=True)


class ReceivedOut(Schema):
    """The same for everybody, whatever the village knows about them."""

    code_id = fields.UUID(required=True, allow_none=True, metadata={"description": "the request for the code that was sent to the phone"})
    visit_by = fields.AwareDateTime(
        required=True,
        allow_none=True,
        metadata={"description": "the village visits before; null while it has more reports than it can take"},
    )


class SelfReportProofIn(Strict):
    code = Text(6, least=6, pattern="[0-9]{6}", required=True, metadata={"description": "the six digits that were sent"})


class ProvenOut(Schema):
    visit_by = fields.AwareDateTime(required=True, allow_none=True)


class SelfReportOut(Schema):
    """A self-report. Above its village, name and phone are masked, and the story is missing."""

    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    shown = fields.String(required=True, metadata={"enum": ["whole", "masked"]})
    state = Choice(SELF_REPORT_STATES, required=True)
    overdue = Choice(OVERDUE, required=True, allow_none=True)
    region = fields.String(required=True)
    name = fields.String(required=True)
    phone = fields.String(required=True, allow_none=True)
    phone_proven_at = fields.AwareDateTime(required=True, allow_none=True)
    people = fields.Integer(required=True)
    difficulty = Choice(DIFFICULTIES, required=True)
    story = fields.String(required=True, allow_none=True)
    reported_at = fields.AwareDateTime(required=True)
    opened_at = fields.AwareDateTime(required=True, allow_none=True)
    visit_by = fields.AwareDateTime(required=True, allow_none=True)
    decide_by = fields.AwareDateTime(required=True, allow_none=True)
    is_provisional = fields.Boolean(
        required=True, metadata={"description": "holidays of a year on the way are not published yet, so weekdays were counted"}
    )
    visited_at = fields.AwareDateTime(required=True, allow_none=True)
    visited_by = fields.UUID(required=True, allow_none=True)
    decided_at = fields.AwareDateTime(required=True, allow_none=True)
    decided_by = fields.UUID(required=True, allow_none=True)
    reason = Choice(DECLINING_REASONS, required=True, allow_none=True)
    household_id = fields.UUID(required=True, allow_none=True)
    allowed = AllowedOperations()


class SelfReportsIn(PageIn):
    region = Region((0, 2, 4, 6, 9, 12), load_default="")
    state = Choice(SELF_REPORT_STATES)
    overdue = Flag(in_address=True, load_default=False, metadata={"description": "only those whose visit or decision is overdue"})


class DecisionIn(Strict):
    outcome = Choice(OUTCOMES, required=True)
    reason = Choice(DECLINING_REASONS, metadata={"description": "required when declined"})
    household_id = Id(metadata={"description": "their entry in the village's register, when admitted"})

    @validates_schema
    def require_fitting_fields(self, data: dict[str, Any], **_: Any) -> None:
        wanted, other = ("reason", "household_id") if data.get("outcome") == "declined" else ("household_id", "reason")
        if other in data:
            raise ValidationError("wrong", other)
        if wanted == "reason" and wanted not in data:
            raise ValidationError("required", wanted)


@api.post("/self-reports")
@access(who=ANYONE, x_view="public", idempotent=False)
@api.input(SelfReportIn)
@api.output(ReceivedOut, 202)
def report_oneself(session: Session, caller: Caller | None, json_data: dict[str, Any]) -> Any:
    """Report that one's household needs help. A code is sent to the phone, if there is one. Everybody is answered alike."""
    report = actions.report_oneself(session, asker(), json_data)
    return {"code_id": report.code_id, "visit_by": report.visit_by}, 202


@api.post("/self-reports/<uuid:code_id>/proof")
@access(who=ANYONE, x_view="public", idempotent=False)
@api.input(SelfReportProofIn)
@api.output(ProvenOut, 201)
def prove_self_report(session: Session, caller: Caller | None, code_id: UUID, json_data: dict[str, Any]) -> Any:
    """Prove the phone of a self-report by the code, within five minutes and five tries."""
    outcome = actions.prove_phone(session, code_id, json_data["code"])
    return problems.answer(outcome) if isinstance(outcome, Problem) else ({"visit_by": outcome.visit_by}, 201)


@api.get("/self-reports/page")
@access(who=ANYONE, x_view="public")
@api.doc(responses=HTML)
def show_self_report_page(session: Session, caller: Caller | None) -> Any:
    """Serve the page that the QR code opens; the region's code stands after `#`."""
    return Response(page.load_page(), content_type="text/html; charset=utf-8", headers={"Content-Security-Policy": page.content_policy()})


@api.get("/regions/<code>/self-report-code")
@access(who=ANYONE, x_view="public")
@api.doc(responses=SVG)
def draw_self_report_code(session: Session, caller: Caller | None, code: str) -> Any:
    """Draw the QR code of a region: it opens the page for reporting oneself there."""
    region = get_region(session, code).code
    address = f"{PosterSettings.of_environment().public_url}/v1/self-reports/page#{region}"
    drawn = io.BytesIO()
    segno.make_qr(address, error="q").save(drawn, kind="svg", scale=8, border=4)
    return Response(drawn.getvalue(), content_type="image/svg+xml")


@api.get("/self-reports")
@access(who=STAFF, x_view="region")
@api.input(SelfReportsIn, location="query")
@api.output(page_of(SelfReportOut))
def list_self_reports(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List the self-reports of the regions that the caller manages, newest first; overdue ones alone on request."""
    found = queries.list_self_reports(session, caller, **query_data)
    return found | {"items": [self_report_out(report, caller) for report in found["items"]]}


@api.get("/self-reports/<uuid:report_id>")
@access(who=STAFF, x_view="region")
@api.output(SelfReportOut)
def get_self_report(session: Session, caller: Caller, report_id: UUID) -> Any:
    """Get a self-report of the caller's regions."""
    return self_report_out(queries.get_self_report(session, caller, report_id), caller)


@api.post("/self-reports/<uuid:report_id>/visit")
@access(who=STAFF, x_view="region")
@api.input(NothingIn)
@api.output(SelfReportOut, 201)
def visit_self_report(session: Session, caller: Caller, report_id: UUID, json_data: dict[str, Any]) -> Any:
    """Note that the village visited whoever reported."""
    return _answer(actions.visit_self_report(session, caller, report_id), caller)


@api.post("/self-reports/<uuid:report_id>/decision")
@access(who=STAFF, x_view="region")
@api.input(DecisionIn)
@api.output(SelfReportOut, 201)
def decide_self_report(session: Session, caller: Caller, report_id: UUID, json_data: dict[str, Any]) -> Any:
    """Admit or decline whoever reported, after the visit."""
    return _answer(actions.decide_self_report(session, caller, report_id, **json_data), caller)


def _answer(report: SelfReport, caller: Caller) -> Any:
    return self_report_out(report, caller), 201, {"Location": f"/v1/self-reports/{report.id}"}


def self_report_out(report: SelfReport, caller: Caller, *, revealed: bool = False) -> dict[str, Any]:
    """Show a self-report, whole to the village's own administrator or when it is revealed, otherwise masked."""
    whole = revealed or rules.is_shown_whole(caller, report)
    note_shown(caller, "self_report", report.id, people=[report.id], region=report.region, masked=not whole)
    phone = report.phone
    masked = {
        "shown": "whole" if whole else "masked",
        "overdue": rules.find_overdue(report, now()),
        "name": report.name if whole else mask_name(report.name),
        "phone": phone if whole or phone is None else mask_phone(phone),
        "story": report.story if whole else None,
        "allowed": rules.acts_on_self_report(caller, report),
    }
    return {name: getattr(report, name) for name in SelfReportOut.names() if name not in masked} | masked
