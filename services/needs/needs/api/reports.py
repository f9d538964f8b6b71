"""HTTP routes of reports."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis.http.auth import SIGNED_IN, STAFF, Caller
from chassis.http.fields import Choice, NothingIn, Schema, Strict
from chassis.http.routes import access
from needs.api.needs import NeedOut, answer_need
from needs.reports import actions

api = APIBlueprint("reports", __name__)

REPORTS = {
    "absurd": ("不合常理", "absurd"),
    "improper": ("内容不当", "improper"),
    "personal": ("含有个人信息", "shows personal data"),
    "fraud": ("疑似虚假", "suspected fraud"),
    "met": ("已经解决", "already met"),
    "other": ("其他原因", "other reasons"),
}


class ReportIn(Strict):
    reason = Choice(REPORTS, required=True)


class ReportedOut(Schema):
    """The receipt of a report. Nobody is told how many there are."""

    need_id = fields.UUID(required=True)
    reason = Choice(REPORTS, required=True)


@api.post("/needs/<uuid:need_id>/report")
@access(who=SIGNED_IN, x_view="public", idempotent=False)
@api.input(ReportIn)
@api.output(ReportedOut, 201)
def report_need(session: Session, caller: Caller, need_id: UUID, json_data: dict[str, Any]) -> Any:
    """Report a published need that is absurd or improper, once. Ten needs may be reported within 24 hours."""
    actions.report_need(session, caller, need_id, **json_data)
    return {"need_id": need_id, **json_data}, 201


@api.post("/needs/<uuid:need_id>/reports/clearing")
@access(who=STAFF, x_view="region")
@api.input(NothingIn)
@api.output(NeedOut, 201)
def clear_reports(session: Session, caller: Caller, need_id: UUID, json_data: dict[str, Any]) -> Any:
    """Clear the reports of a hidden need of the caller's region; the hall shows it again."""
    return answer_need(session, actions.clear_reports(session, caller, need_id), caller, 201)
