"""HTTP operations on helpers."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from marshmallow import ValidationError, fields, validates_schema
from sqlalchemy.orm import Session

from chassis.http.auth import GOVERNMENT, HOUSEHOLD, STAFF, Caller
from chassis.http.fields import AllowedOperations, Choice, Flag, Id, NothingIn, Region, Schema, Strict, Text
from chassis.http.pagination import PageIn, page_of
from chassis.http.routes import access
from chassis.http.shown import note_shown
from users.fields import HELPER_ROLES, Phone
from users.helpers import actions, queries
from users.helpers.model import Assignment
from users.helpers.rules import acts_on_assignment

api = APIBlueprint("helpers", __name__)


class _NamedIn(Strict):
    account_id = Id(metadata={"description": "the helper: the id or the phone of a staff, cadre's or work unit's account"})
    phone = Phone(metadata={"description": "the helper: the id or the phone of a staff, cadre's or work unit's account"})
    unit = Text(100, required=True, metadata={"description": "the unit that sends the helper"})
    post = Text(100, required=True, metadata={"description": "the helper's post there"})

    @validates_schema
    def require_one_person(self, data: dict[str, Any], **_: Any) -> None:
        if ("account_id" in data) == ("phone" in data):
            raise ValidationError("wrong" if "phone" in data else "required", "account_id")


class HelperIn(_NamedIn):
    role = Choice(HELPER_ROLES, required=True)
    region = Region((12,), required=True)
    household_id = Id(metadata={"description": "one household of the village; without it the helper answers for the whole village"})


class HandoverIn(_NamedIn):
    helper_id = Id(required=True, metadata={"description": "the account of the helper who leaves"})
    region = Region((0, 2, 4, 6, 9, 12), load_default="", metadata={"description": "everything they answer for in this region"})


class HelperOut(Schema):
    """An assignment of a helper."""

    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    account_id = fields.UUID(required=True)
    name = fields.String(required=True)
    role = Choice(HELPER_ROLES, required=True)
    unit = fields.String(required=True)
    post = fields.String(required=True)
    region = fields.String(required=True)
    household_id = fields.UUID(required=True, allow_none=True)
    assigned_by = fields.UUID(required=True)
    assigned_at = fields.AwareDateTime(required=True)
    released_at = fields.AwareDateTime(required=True, allow_none=True)
    successor_id = fields.UUID(required=True, allow_none=True)
    allowed = AllowedOperations()


class HelpersIn(PageIn):
    region = Region((0, 2, 4, 6, 9, 12), load_default="")
    released = Flag(in_address=True, load_default=False, metadata={"description": "true for assignments that were released"})


class HandoverOut(Schema):
    items = fields.List(fields.Nested(HelperOut), required=True, metadata={"description": "the successor's new assignments"})


HelperPage = page_of(HelperOut)


@api.post("/helpers")
@access(who=STAFF, x_view="region")
@api.input(HelperIn)
@api.output(HelperOut, 201)
def assign_helper(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Let somebody answer for a village that the caller manages, or for one of its households."""
    return _answer(actions.assign_helper(session, caller, json_data), caller)


@api.get("/helpers")
@access(who=STAFF, x_view="region")
@api.input(HelpersIn, location="query")
@api.output(HelperPage)
def list_helpers(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List the helpers in the regions that the caller manages."""
    return _page(queries.list_helpers(session, caller, **query_data), caller)


@api.get("/helpers/mine")
@access(who=STAFF | GOVERNMENT, x_view="own")
@api.input(PageIn, location="query")
@api.output(HelperPage)
def list_own_assignments(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List the villages and households that the caller answers for."""
    return _page(queries.list_own_assignments(session, caller, **query_data), caller)


@api.get("/me/helpers")
@access(who=HOUSEHOLD, x_view="own")
@api.input(PageIn, location="query")
@api.output(HelperPage)
def list_helpers_of_household(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List the helpers who answer for the caller's household, or for its village."""
    return _page(queries.list_helpers_of_household(session, caller, **query_data), caller)


@api.get("/helpers/<uuid:assignment_id>")
@access(who=STAFF | GOVERNMENT | HOUSEHOLD, x_view="region")
@api.output(HelperOut)
def get_helper(session: Session, caller: Caller, assignment_id: UUID) -> Any:
    """Get an assignment in the caller's regions, an own one, or one for the caller's household."""
    return _helper_out(queries.get_assignment(session, caller, assignment_id), caller)


@api.post("/helpers/<uuid:assignment_id>/release")
@access(who=STAFF, x_view="region")
@api.input(NothingIn)
@api.output(HelperOut, 201)
def release_helper(session: Session, caller: Caller, assignment_id: UUID, json_data: dict[str, Any]) -> Any:
    """End an assignment, as an administrator of its village or above."""
    return _answer(actions.release_helper(session, caller, assignment_id), caller)


@api.post("/helpers/handover")
@access(who=STAFF, x_view="region")
@api.input(HandoverIn)
@api.output(HandoverOut, 201)
def hand_over_helper(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Hand everything that a helper answers for in a region over to a successor, in one act."""
    made = actions.hand_over_helper(session, caller, json_data)
    return {"items": [_helper_out(one, caller) for one in made]}, 201, {"Location": "/v1/helpers"}


def _page(page: dict[str, Any], caller: Caller) -> dict[str, Any]:
    return page | {"items": [_helper_out(one, caller) for one in page["items"]]}


def _answer(assignment: Assignment, caller: Caller) -> Any:
    return _helper_out(assignment, caller), 201, {"Location": f"/v1/helpers/{assignment.id}"}


def _helper_out(assignment: Assignment, caller: Caller) -> dict[str, Any]:
    note_shown(caller, "helper", assignment.id, people=[assignment.account_id], region=assignment.region)
    more = {"name": assignment.account.name, "allowed": acts_on_assignment(caller, assignment)}
    return {name: getattr(assignment, name) for name in HelperOut.names() if name not in more} | more
