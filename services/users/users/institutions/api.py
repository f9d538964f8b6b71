"""HTTP operations on institutions."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis.http.auth import STAFF, Caller
from chassis.http.fields import AllowedOperations, Choice, Flag, Name, Region, Schema, Strict, Text
from chassis.http.pagination import PageIn, page_of
from chassis.http.routes import access
from users.fields import CreditCode, OfficePhone
from users.households.api import EDIT_REASONS
from users.institutions import actions, queries
from users.institutions.model import Institution
from users.institutions.rules import acts_on_institution

api = APIBlueprint("institutions", __name__)

INSTITUTION_KINDS = {
    "school": ("学校", "school"),
    "clinic": ("村卫生室", "clinic"),
    "hospital": ("医院", "hospital"),
    "village_committee": ("村民委员会", "village committee"),
}
ENDINGS = {
    "closed": ("已撤并或停办", "it was closed or merged"),
    "error": ("登记有误", "it was entered by mistake"),
    "other": ("其他原因", "other reasons"),
}


class InstitutionIn(Strict):
    kind = Choice(INSTITUTION_KINDS, required=True)
    name = Name(100, required=True)
    uscc = CreditCode(metadata={"description": "its unified social credit code, if it has one"})
    region = Region((9, 12), required=True, metadata={"description": "its township or village"})
    address = Text(200)
    telephone = OfficePhone(metadata={"description": "of the office"})


class InstitutionEditIn(Strict):
    kind = Choice(INSTITUTION_KINDS)
    name = Name(100)
    uscc = CreditCode(allow_none=True)
    region = Region((9, 12))
    address = Text(200, allow_none=True)
    telephone = OfficePhone(allow_none=True)
    reason = Choice(EDIT_REASONS, load_default="corrected")


class InstitutionEndIn(Strict):
    reason = Choice(ENDINGS, required=True)


class InstitutionOut(Schema):
    """An institution in the register. Needs are posted for it by its id, as for a household."""

    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    kind = Choice(INSTITUTION_KINDS, required=True)
    name = fields.String(required=True)
    uscc = fields.String(required=True, allow_none=True)
    region = fields.String(required=True)
    address = fields.String(required=True, allow_none=True)
    telephone = fields.String(required=True, allow_none=True)
    registered_by = fields.UUID(required=True)
    registered_at = fields.AwareDateTime(required=True)
    ended_at = fields.AwareDateTime(required=True, allow_none=True)
    ended_because = Choice(ENDINGS, required=True, allow_none=True)
    allowed = AllowedOperations()


class InstitutionVersionOut(Schema):
    """A version of an institution."""

    id = fields.UUID(required=True)
    institution_version = fields.Integer(required=True)
    act = fields.String(required=True)
    reason = fields.String(required=True, allow_none=True)
    changed_by = fields.UUID(required=True)
    changed_at = fields.AwareDateTime(required=True)
    changed = fields.Dict(required=True, metadata={"description": "values before and after, by field"})


class InstitutionsIn(PageIn):
    region = Region((0, 2, 4, 6, 9, 12), load_default="")
    kind = Choice(INSTITUTION_KINDS)
    ended = Flag(in_address=True, load_default=False, metadata={"description": "true for institutions that left the register"})


InstitutionPage = page_of(InstitutionOut)
InstitutionVersionPage = page_of(InstitutionVersionOut)


@api.post("/institutions")
@access(who=STAFF, x_view="region")
@api.input(InstitutionIn)
@api.output(InstitutionOut, 201)
def register_institution(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Register a school, clinic, hospital or village committee, so that needs can be posted for it."""
    return _answer(actions.register_institution(session, caller, json_data), caller)


@api.get("/institutions")
@access(who=STAFF, x_view="region")
@api.input(InstitutionsIn, location="query")
@api.output(InstitutionPage)
def list_institutions(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List the institutions of the regions that the caller manages."""
    page = queries.list_institutions(session, caller, **query_data)
    return page | {"items": [_institution_out(one, caller) for one in page["items"]]}


@api.get("/institutions/<uuid:institution_id>")
@access(who=STAFF, x_view="region")
@api.output(InstitutionOut)
def get_institution(session: Session, caller: Caller, institution_id: UUID) -> Any:
    """Get an institution of the regions that the caller manages."""
    return _institution_out(queries.get_institution(session, caller, institution_id), caller)


@api.patch("/institutions/<uuid:institution_id>")
@access(who=STAFF, x_view="region")
@api.input(InstitutionEditIn)
@api.output(InstitutionOut)
def edit_institution(session: Session, caller: Caller, institution_id: UUID, json_data: dict[str, Any]) -> Any:
    """Correct or complete an institution."""
    return _institution_out(actions.edit_institution(session, caller, institution_id, json_data), caller)


@api.post("/institutions/<uuid:institution_id>/end")
@access(who=STAFF, x_view="region")
@api.input(InstitutionEndIn)
@api.output(InstitutionOut, 201)
def end_institution(session: Session, caller: Caller, institution_id: UUID, json_data: dict[str, Any]) -> Any:
    """Take an institution out of the register for a reason. Its open needs are withdrawn."""
    return _answer(actions.end_institution(session, caller, institution_id, json_data["reason"]), caller)


@api.get("/institutions/<uuid:institution_id>/versions")
@access(who=STAFF, x_view="region")
@api.input(PageIn, location="query")
@api.output(InstitutionVersionPage)
def list_institution_versions(session: Session, caller: Caller, institution_id: UUID, query_data: dict[str, Any]) -> Any:
    """List who changed what in an institution and why, newest first."""
    page = queries.list_institution_versions(session, caller, institution_id, **query_data)
    names = [name for name in InstitutionVersionOut.names() if name != "institution_version"]
    return page | {"items": [{name: getattr(row, name) for name in names} | {"institution_version": row.version} for row in page["items"]]}


def _answer(institution: Institution, caller: Caller) -> Any:
    return _institution_out(institution, caller), 201, {"Location": f"/v1/institutions/{institution.id}"}


def _institution_out(institution: Institution, caller: Caller) -> dict[str, Any]:
    more = {"allowed": acts_on_institution(caller, institution)}
    return {name: getattr(institution, name) for name in InstitutionOut.names() if name not in more} | more
