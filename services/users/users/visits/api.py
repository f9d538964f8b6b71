"""HTTP operations of helpers: their households, and the visits and help that they record."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from marshmallow import fields, validate
from sqlalchemy.orm import Session

from chassis.http.auth import GOVERNMENT, HOUSEHOLD, STAFF, Caller
from chassis.http.fields import Choice, FreshId, Id, Schema, Strict, Text, Whole
from chassis.http.pagination import PageIn, page_of
from chassis.http.routes import access
from chassis.http.shown import note_shown
from users.fields import Day
from users.households.answers import households_out, note_household
from users.households.api import HouseholdPage
from users.visits import actions, queries
from users.visits.model import Visit

api = APIBlueprint("visits", __name__)

HELP_KINDS = {
    "goods": ("物资", "goods"),
    "money": ("资金", "money"),
    "job": ("就业", "a job"),
    "medical": ("就医", "medical care"),
    "schooling": ("就学", "schooling"),
    "production": ("生产、销售", "production or sales"),
    "policy": ("政策落实", "public support that was applied for"),
    "other": ("其他", "other"),
}
MOST_HELPS = 20
MOST_FEN = 10**9


class HelpIn(Strict):
    kind = Choice(HELP_KINDS, required=True)
    description = Text(200, required=True)
    value = Whole(1, MOST_FEN, metadata={"description": "in fen"})


class VisitIn(Strict):
    id = FreshId(
        metadata={"description": "made by the client, so that a visit that is sent again after days is recorded once: a UUID of version 7"}
    )
    household_id = Id(required=True)
    visited_on = Day(required=True, metadata={"description": "within the last year"})
    note = Text(500, metadata={"description": "what was found"})
    help = fields.List(
        fields.Nested(HelpIn),
        load_default=list,
        validate=validate.Length(max=MOST_HELPS, error="out_of_range"),
        metadata={"description": "what was given or arranged outside of Duijie"},
    )


class HelpOut(Schema):
    """Something that a helper gave or arranged."""

    id = fields.UUID(required=True)
    kind = Choice(HELP_KINDS, required=True)
    description = fields.String(required=True)
    value = fields.Integer(required=True, allow_none=True, metadata={"description": "in fen"})


class VisitOut(Schema):
    """A visit to a household. Note and descriptions are null where the household is masked."""

    id = fields.UUID(required=True)
    household_id = fields.UUID(required=True)
    account_id = fields.UUID(required=True, metadata={"description": "the helper or administrator who was there"})
    region = fields.String(required=True)
    visited_on = fields.Date(required=True)
    note = fields.String(required=True, allow_none=True)
    help = fields.List(fields.Nested(HelpOut), required=True)
    recorded_at = fields.AwareDateTime(required=True)


VisitPage = page_of(VisitOut)


@api.get("/households/mine")
@access(who=STAFF | GOVERNMENT, x_view="region")
@api.input(PageIn, location="query")
@api.output(HouseholdPage)
def list_own_helped_households(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List the households that the caller answers for as a helper, whole: a visit needs name, address and telephone. Each is recorded."""
    page = queries.list_own_households(session, caller, **query_data)
    return page | {"items": households_out(session, page["items"], caller, revealed=True)}


@api.post("/household-visits")
@access(who=STAFF | GOVERNMENT, x_view="region")
@api.input(VisitIn)
@api.output(VisitOut, 201)
def record_visit(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Record a visit afterwards, and the help given there, to a household that the caller answers for or administers."""
    visit, household = actions.record_visit(session, caller, json_data)
    note_household(household, caller, revealed=True)
    return visit_out(visit, is_whole=True), 201, {"Location": f"/v1/households/{household.id}/visits"}


@api.get("/household-visits/mine")
@access(who=STAFF | GOVERNMENT, x_view="own")
@api.input(PageIn, location="query")
@api.output(VisitPage)
def list_own_visits(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List the visits that the caller recorded, newest first."""
    page = queries.list_own_visits(session, caller, **query_data)
    for visit in page["items"]:
        note_shown(caller, "household", visit.household_id, people=[visit.household_id], region=visit.region)
    return page | {"items": [visit_out(visit, is_whole=True) for visit in page["items"]]}


@api.get("/households/<uuid:household_id>/visits")
@access(who=HOUSEHOLD | STAFF, x_view="region")
@api.input(PageIn, location="query")
@api.output(VisitPage)
def list_visits_of_household(session: Session, caller: Caller, household_id: UUID, query_data: dict[str, Any]) -> Any:
    """List the visits to a household and the help given there, newest first."""
    page = queries.list_visits(session, caller, household_id, **query_data)
    is_whole = note_household(page.pop("household"), caller)
    return page | {"items": [visit_out(visit, is_whole=is_whole) for visit in page["items"]]}


def visit_out(visit: Visit, *, is_whole: bool) -> dict[str, Any]:
    """Show a visit, with its texts where the household is shown whole."""
    given = [
        {"id": one.id, "kind": one.kind, "value": one.value, "description": one.description if is_whole else "**"} for one in visit.help
    ]
    made = {"note": visit.note if is_whole else None, "help": given}
    return {name: getattr(visit, name) for name in VisitOut.names() if name not in made} | made
