"""HTTP operations on the monitoring of households."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis.http.auth import HOUSEHOLD, STAFF, Caller
from chassis.http.fields import AllowedOperations, Choice, Region, Schema, Strict, Text
from chassis.http.pagination import PageIn, page_of
from chassis.http.routes import access
from users.fields import Day
from users.households.answers import note_household
from users.households.api import NOTE
from users.households.model import Household
from users.monitoring import actions, queries, rules
from users.monitoring.labels import LABELS
from users.monitoring.model import Label

api = APIBlueprint("monitoring", __name__)

STATES = {
    "monitored": ("监测中", "monitored"),
    "risk_removed": ("风险已消除", "risk removed"),
    "exited": ("已退出监测", "monitoring has ended"),
}
ENTRY_REASONS = {
    "illness": ("因病", "an illness"),
    "disability": ("因残", "a disability"),
    "schooling": ("因学", "costs of schooling"),
    "disaster": ("因灾", "a disaster"),
    "accident": ("因意外事故", "an accident"),
    "job_lost": ("因失业或收入减少", "a lost job or income"),
    "other": ("其他原因", "other reasons"),
}
EXIT_REASONS = {
    "stable": ("收入持续稳定", "its income is stable"),
    "supported": ("已纳入兜底保障", "public support covers it"),
    "died": ("户内人员均已去世", "all members have died"),
    "moved_away": ("已迁往外地", "it moved away"),
    "error": ("识别有误", "it was monitored by mistake"),
    "other": ("其他原因", "other reasons"),
}
ON = {"description": "the day; today by default, never a day to come"}


ALL_EXIT_REASONS = EXIT_REASONS | {"changed": ("改为另一类监测对象", "it is monitored as another kind")}


class LabelIn(Strict):
    label = Choice(LABELS, required=True)
    on = Day(metadata=ON)
    reason = Choice(ENTRY_REASONS, load_default="other")
    note = Text(200, metadata=NOTE)


class RiskRemovalIn(Strict):
    on = Day(metadata=ON)
    note = Text(200, metadata=NOTE)


class ExitIn(Strict):
    on = Day(metadata=ON)
    reason = Choice(EXIT_REASONS, required=True)
    note = Text(200, metadata=NOTE)


class HouseholdLabelOut(Schema):
    """A household's time as a monitored one."""

    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    household_id = fields.UUID(required=True)
    region = fields.String(required=True)
    label = Choice(LABELS, required=True)
    state = Choice(STATES, required=True)
    entered_on = fields.Date(required=True)
    entered_by = fields.UUID(required=True)
    entry_reason = Choice(ENTRY_REASONS, required=True)
    note = fields.String(required=True, allow_none=True, metadata={"description": "null where the household is masked"})
    risk_removed_on = fields.Date(required=True, allow_none=True)
    risk_removed_by = fields.UUID(required=True, allow_none=True)
    exited_on = fields.Date(required=True, allow_none=True)
    exited_by = fields.UUID(required=True, allow_none=True)
    exit_reason = Choice(ALL_EXIT_REASONS, required=True, allow_none=True)
    allowed = AllowedOperations()


class HouseholdLabelsIn(PageIn):
    region = Region((0, 2, 4, 6, 9, 12), load_default="")
    label = Choice(LABELS)
    state = Choice(STATES, load_default="monitored")


HouseholdLabelPage = page_of(HouseholdLabelOut)


@api.post("/households/<uuid:household_id>/labels")
@access(who=STAFF, x_view="region")
@api.input(LabelIn)
@api.output(HouseholdLabelOut, 201)
def enter_household_label(session: Session, caller: Caller, household_id: UUID, json_data: dict[str, Any]) -> Any:
    """Monitor a household as one of the three kinds, from a day on, for a reason."""
    return _answer(*actions.enter_household_label(session, caller, household_id, json_data), caller)


@api.get("/households/<uuid:household_id>/labels")
@access(who=HOUSEHOLD | STAFF, x_view="region")
@api.input(PageIn, location="query")
@api.output(HouseholdLabelPage)
def list_labels_of_household(session: Session, caller: Caller, household_id: UUID, query_data: dict[str, Any]) -> Any:
    """List the times in which a household was monitored, newest first."""
    return _page(queries.list_labels_of(session, caller, household_id, **query_data), caller)


@api.get("/household-labels")
@access(who=STAFF, x_view="region")
@api.input(HouseholdLabelsIn, location="query")
@api.output(HouseholdLabelPage)
def list_household_labels(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List the monitored households of the regions that the caller manages, or those whose risk is removed or that left."""
    return _page(queries.list_labels(session, caller, **query_data), caller)


@api.get("/household-labels/<uuid:label_id>")
@access(who=HOUSEHOLD | STAFF, x_view="region")
@api.output(HouseholdLabelOut)
def get_household_label(session: Session, caller: Caller, label_id: UUID) -> Any:
    """Get a time in which a household was monitored, of one that the caller may see."""
    return label_out(*queries.get_label(session, caller, label_id), caller)


@api.post("/household-labels/<uuid:label_id>/risk-removal")
@access(who=STAFF, x_view="region")
@api.input(RiskRemovalIn)
@api.output(HouseholdLabelOut, 201)
def remove_household_risk(session: Session, caller: Caller, label_id: UUID, json_data: dict[str, Any]) -> Any:
    """Note that the risk of a monitored household is removed."""
    return _answer(*actions.remove_household_risk(session, caller, label_id, json_data), caller)


@api.post("/household-labels/<uuid:label_id>/exit")
@access(who=STAFF, x_view="region")
@api.input(ExitIn)
@api.output(HouseholdLabelOut, 201)
def exit_household_label(session: Session, caller: Caller, label_id: UUID, json_data: dict[str, Any]) -> Any:
    """End the monitoring of a household for a reason."""
    return _answer(*actions.exit_household_label(session, caller, label_id, json_data), caller)


def _answer(label: Label, household: Household, caller: Caller) -> Any:
    return label_out(label, household, caller), 201, {"Location": f"/v1/household-labels/{label.id}"}


def _page(page: dict[str, Any], caller: Caller) -> dict[str, Any]:
    households = page.pop("households")
    return page | {"items": [label_out(label, households[label.household_id], caller) for label in page["items"]]}


def label_out(label: Label, household: Household, caller: Caller, *, revealed: bool = False) -> dict[str, Any]:
    """Show a label as the household is shown to the caller, or whole when it is revealed."""
    is_whole = note_household(household, caller, revealed=revealed)
    made = {
        "region": household.region,
        "state": label.state,
        "note": label.note if is_whole else None,
        "allowed": rules.acts_on_label(caller, household, label),
    }
    return {name: getattr(label, name) for name in HouseholdLabelOut.names() if name not in made} | made
