"""HTTP operations on the register of households."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from sqlalchemy.orm import Session

from chassis.http.auth import HOUSEHOLD, STAFF, Caller
from chassis.http.fields import Choice, Flag, Id, Name, Region, Strict, Text, Whole
from chassis.http.pagination import PageIn, page_of
from chassis.http.routes import access
from users.fields import PHONE_KINDS, STATUSES, NationalId, Password, Phone, Telephone
from users.households import actions, queries
from users.households.answers import HouseholdOut, RevealOut, VersionOut, household_out, households_out, reveals_out, versions_out

api = APIBlueprint("households", __name__)

EDIT_REASONS = {
    "corrected": ("登记有误，更正", "an entry was wrong"),
    "changed": ("情况有变化", "something changed"),
    "completed": ("补充登记", "something was missing"),
}
LARGEST = 50
NOTE = {"description": "why, in words; only those who see the household whole read it"}


class HouseholdIn(Strict):
    name = Name(100, required=True, metadata={"description": "of the householder"})
    national_id = NationalId(required=True)
    status = Choice(STATUSES, load_default="registered")
    region = Region((12,), required=True)
    phone = Telephone(metadata={"description": "a contact: the household gets its account when it proves this phone itself"})
    phone_kind = Choice(PHONE_KINDS, metadata={"description": "whose telephone it is; by default the household's own, or a landline"})
    address = Text(200)
    size = Whole(1, LARGEST, metadata={"description": "people in the household, its head included"})
    password = Password(metadata={"deprecated": True, "description": "refused (`password_not_accepted`): nobody else chooses a password"})


class HouseholdEditIn(Strict):
    name = Name(100)
    national_id = NationalId()
    status = Choice(STATUSES)
    phone = Telephone(allow_none=True, metadata={"description": "null takes the telephone away"})
    phone_kind = Choice(PHONE_KINDS)
    address = Text(200, allow_none=True)
    size = Whole(1, LARGEST, allow_none=True)
    reason = Choice(EDIT_REASONS, load_default="corrected")
    note = Text(200, metadata=NOTE)


class HouseholdAccountIn(Strict):
    household_id = Id(required=True)
    phone = Phone(required=True, metadata={"description": "that of a household's account which belongs to no household yet"})
    note = Text(200, metadata=NOTE)


class HouseholdsIn(PageIn):
    region = Region((0, 2, 4, 6, 9, 12), load_default="")
    ended = Flag(in_address=True, load_default=False, metadata={"description": "true for households that left the register"})


HouseholdPage = page_of(HouseholdOut)
VersionPage = page_of(VersionOut)
RevealPage = page_of(RevealOut)


@api.post("/households")
@access(who=STAFF, x_view="region")
@api.input(HouseholdIn)
@api.output(HouseholdOut, 201)
def register_household(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Register a household in a village that the caller manages. Its phone is a contact; registering with it gives the account.

    Somebody who stands in the register of another place is registered all the same, and that place is asked to hand them over.
    """
    return answer(session, actions.register_household(session, caller, json_data), caller)


@api.get("/households")
@access(who=STAFF, x_view="region")
@api.input(HouseholdsIn, location="query")
@api.output(HouseholdPage)
def list_households(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List the households of the regions that the caller manages: whole for the village's own administrator, masked above."""
    page = queries.list_households(session, caller, **query_data)
    return page | {"items": households_out(session, page["items"], caller)}


@api.get("/households/<uuid:household_id>")
@access(who=HOUSEHOLD | STAFF, x_view="region")
@api.output(HouseholdOut)
def get_household(session: Session, caller: Caller, household_id: UUID) -> Any:
    """Get a household of the caller's regions, whole for the village's own administrator and masked above, or the caller's own."""
    return household_out(session, queries.get_household(session, caller, household_id), caller)


@api.patch("/households/<uuid:household_id>")
@access(who=STAFF, x_view="region")
@api.input(HouseholdEditIn)
@api.output(HouseholdOut)
def edit_household(session: Session, caller: Caller, household_id: UUID, json_data: dict[str, Any]) -> Any:
    """Correct or complete a household: name, number, status, telephone, address, size. Each change is a version with its reason."""
    return household_out(session, actions.edit_household(session, caller, household_id, json_data), caller)


@api.post("/households/account-links")
@access(who=STAFF, x_view="region")
@api.input(HouseholdAccountIn)
@api.output(HouseholdOut, 201)
def link_household_account(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Link a household's account of the caller's region that belongs to no household. A phone noted later gives an account by itself."""
    return answer(session, actions.link_household_account(session, caller, json_data), caller)


@api.get("/households/<uuid:household_id>/versions")
@access(who=HOUSEHOLD | STAFF, x_view="region")
@api.input(PageIn, location="query")
@api.output(VersionPage)
def list_household_versions(session: Session, caller: Caller, household_id: UUID, query_data: dict[str, Any]) -> Any:
    """List who changed what in a household and why, newest first. Values are shown to those who see the household whole."""
    return versions_out(queries.list_versions(session, caller, household_id, **query_data), caller)


@api.get("/households/<uuid:household_id>/reveals")
@access(who=HOUSEHOLD | STAFF, x_view="region")
@api.input(PageIn, location="query")
@api.output(RevealPage)
def list_household_reveals(session: Session, caller: Caller, household_id: UUID, query_data: dict[str, Any]) -> Any:
    """List who looked at the masked data of a household, for which purpose and why, newest first."""
    return reveals_out(queries.list_reveals(session, caller, household_id, **query_data), caller)


def answer(session: Session, household: Any, caller: Caller) -> Any:
    """Answer an act on a household with the household."""
    return household_out(session, household, caller), 201, {"Location": f"/v1/households/{household.id}"}
