"""HTTP operations on the register of households."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis.http.auth import HOUSEHOLD, STAFF, Caller
from chassis.http.fields import Choice, Name, Region, Schema, Strict
from chassis.http.pagination import PageIn, page_of
from chassis.http.routes import access
from chassis.http.shown import note_shown
from users.fields import STATUSES, NationalId, Password, Phone
from users.households import actions, queries
from users.households.model import Household
from users.personal import mask_name, mask_national_id, mask_phone

api = APIBlueprint("households", __name__)


class HouseholdIn(Strict):
    name = Name(100, required=True, metadata={"description": "of the householder"})
    national_id = NationalId(required=True)
    status = Choice(STATUSES, load_default="registered")
    region = Region((12,), required=True)
    phone = Phone(metadata={"description": "a contact: the household gets its account when it proves this phone itself"})
    password = Password(metadata={"deprecated": True, "description": "refused (`password_not_accepted`): nobody else chooses a password"})


class HouseholdOut(Schema):
    """A household. Its national id is masked, and its name too unless the household itself asks."""

    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    shown = fields.String(required=True, metadata={"enum": ["own", "region"]})
    name = fields.String(required=True)
    national_id = fields.String(required=True)
    status = Choice(STATUSES, required=True)
    region = fields.String(required=True)
    account_id = fields.UUID(required=True, allow_none=True)
    contact_phone = fields.String(required=True, allow_none=True, metadata={"description": "masked; noted by its village"})
    registered_by = fields.UUID(required=True, allow_none=True)
    registered_at = fields.AwareDateTime(required=True)


class HouseholdsIn(PageIn):
    region = Region((0, 2, 4, 6, 9, 12), load_default="")


HouseholdPage = page_of(HouseholdOut)


@api.post("/households")
@access(who=STAFF, x_view="region")
@api.input(HouseholdIn)
@api.output(HouseholdOut, 201)
def register_household(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Register a household in a village that the caller manages. Its phone is a contact; registering with it gives the account."""
    household = actions.register_household(session, caller, json_data)
    return _household_out(household, caller), 201, {"Location": f"/v1/households/{household.id}"}


@api.get("/households")
@access(who=STAFF, x_view="region")
@api.input(HouseholdsIn, location="query")
@api.output(HouseholdPage)
def list_households(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List the households of the regions that the caller manages, masked."""
    page = queries.list_households(session, caller, **query_data)
    return page | {"items": [_household_out(household, caller) for household in page["items"]]}


@api.get("/households/<uuid:household_id>")
@access(who=HOUSEHOLD | STAFF, x_view="region")
@api.output(HouseholdOut)
def get_household(session: Session, caller: Caller, household_id: UUID) -> Any:
    """Get a household in the regions that the caller manages, masked, or the caller's own."""
    return _household_out(queries.get_household(session, caller, household_id), caller)


def _household_out(household: Household, caller: Caller) -> dict[str, Any]:
    own = household.account_id == caller.id
    note_shown(caller, "household", household.id, people=[household.account_id or household.id], region=household.region, masked=True)
    masked = {
        "shown": "own" if own else "region",
        "name": household.name if own else mask_name(household.name),
        "national_id": mask_national_id(household.national_id),
        "contact_phone": mask_phone(household.contact_phone) if household.contact_phone else None,
    }
    return {name: getattr(household, name) for name in HouseholdOut().fields if name not in masked} | masked
