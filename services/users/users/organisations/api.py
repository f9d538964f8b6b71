"""HTTP operations on organisations."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis.http.auth import STAFF, Caller
from chassis.http.fields import AllowedOperations, Choice, Name, NothingIn, Region, Schema, Strict
from chassis.http.pagination import PageIn, page_of
from chassis.http.routes import access
from chassis.http.shown import note_shown
from users.fields import CreditCode
from users.organisations import actions, queries
from users.organisations.model import Organisation
from users.organisations.rules import VERIFIABLE, acts_on_organisation

api = APIBlueprint("organisations", __name__)

STATES = {"waiting": ("待核实", "waits to be verified"), "verified": ("已认证", "verified"), "ended": ("认证已终止", "no longer verified")}
ENDING_REASONS = {
    "closed": ("已注销或停业", "it was closed"),
    "wrong": ("资料不符", "wrong data"),
    "misuse": ("违规使用平台", "it misused the platform"),
    "other": ("其他原因", "other reasons"),
}
REASONS = ENDING_REASONS | {"changed": ("名称或代码已变更", "its name or code changed")}


class OrganisationIn(Strict):
    name = Name(100, required=True, metadata={"description": "as registered"})
    uscc = CreditCode(required=True)


class VerificationEndIn(Strict):
    reason = Choice(ENDING_REASONS, load_default="other")


class OrganisationOut(Schema):
    """The name and credit code that an organisation, merchant or work unit states, and whether an administrator confirmed them."""

    id = fields.UUID(required=True, metadata={"description": "that of its account"})
    version = fields.Integer(required=True)
    state = Choice(STATES, required=True)
    name = fields.String(required=True)
    uscc = fields.String(required=True, metadata={"description": "the unified social credit code"})
    region = fields.String(required=True)
    stated_at = fields.AwareDateTime(required=True)
    verified_by = fields.UUID(required=True, allow_none=True)
    verified_at = fields.AwareDateTime(required=True, allow_none=True)
    ended_at = fields.AwareDateTime(required=True, allow_none=True)
    reason = Choice(REASONS, required=True, allow_none=True)
    allowed = AllowedOperations()


class OrganisationsIn(PageIn):
    region = Region((0, 2, 4, 6, 9, 12), load_default="")
    state = Choice(STATES, load_default="waiting")


OrganisationPage = page_of(OrganisationOut)


@api.put("/me/organisation")
@access(who=VERIFIABLE, x_view="own")
@api.input(OrganisationIn)
@api.output(OrganisationOut)
def state_organisation(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """State or change the caller's registered name and unified social credit code. A change has to be verified anew."""
    return _organisation_out(actions.state_organisation(session, caller, json_data), caller)


@api.get("/organisations")
@access(who=STAFF, x_view="region")
@api.input(OrganisationsIn, location="query")
@api.output(OrganisationPage)
def list_organisations(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List the organisations in the regions that the caller manages, by default those that wait to be verified."""
    page = queries.list_organisations(session, caller, **query_data)
    return page | {"items": [_organisation_out(one, caller) for one in page["items"]]}


@api.get("/organisations/<uuid:account_id>")
@access(who=STAFF | VERIFIABLE, x_view="region")
@api.output(OrganisationOut)
def get_organisation(session: Session, caller: Caller, account_id: UUID) -> Any:
    """Get an organisation in the regions that the caller manages, or the caller's own."""
    return _organisation_out(queries.get_organisation(session, caller, account_id), caller)


@api.post("/organisations/<uuid:account_id>/verification")
@access(who=STAFF, x_view="region")
@api.input(NothingIn)
@api.output(OrganisationOut, 201)
def verify_organisation(session: Session, caller: Caller, account_id: UUID, json_data: dict[str, Any]) -> Any:
    """Confirm that an organisation is who it says, as an administrator of its county or above."""
    return _answer(actions.verify_organisation(session, caller, account_id), caller)


@api.post("/organisations/<uuid:account_id>/verification-end")
@access(who=STAFF, x_view="region")
@api.input(VerificationEndIn)
@api.output(OrganisationOut, 201)
def end_organisation_verification(session: Session, caller: Caller, account_id: UUID, json_data: dict[str, Any]) -> Any:
    """Take the confirmation of an organisation back, as an administrator of its county or above."""
    return _answer(actions.end_organisation_verification(session, caller, account_id, json_data["reason"]), caller)


def _answer(organisation: Organisation, caller: Caller) -> Any:
    return _organisation_out(organisation, caller), 201, {"Location": f"/v1/organisations/{organisation.id}"}


def _organisation_out(organisation: Organisation, caller: Caller) -> dict[str, Any]:
    note_shown(caller, "organisation", organisation.id, people=[organisation.id], region=organisation.region)
    allowed = acts_on_organisation(caller, organisation)
    return {name: getattr(organisation, name) for name in OrganisationOut.names() if name != "allowed"} | {"allowed": allowed}
