"""HTTP operations that find households."""

from typing import Any

from apiflask import APIBlueprint
from marshmallow import ValidationError, fields, validates_schema
from sqlalchemy.orm import Session

from chassis.http.auth import STAFF, Caller
from chassis.http.fields import Region, Schema, Strict, Text
from chassis.http.routes import access
from users.fields import NationalId
from users.finding import queries
from users.households.answers import HouseholdOut, households_out

api = APIBlueprint("finding", __name__)


class HouseholdSearchIn(Strict):
    """A search by name in a township or village, or by an exact national id in all regions of the caller."""

    region = Region((0, 2, 4, 6, 9, 12), metadata={"description": "where names are searched: a township or a village"})
    name = Text(50, metadata={"description": "of the head or a member: characters, pinyin or its initials, also a part", "example": "hst"})
    national_id = NationalId()

    @validates_schema
    def require_one_way(self, data: dict[str, Any], **_: Any) -> None:
        if ("name" in data) == ("national_id" in data):
            raise ValidationError("wrong" if "name" in data else "required", "name")
        if "name" in data and "region" not in data:
            raise ValidationError("required", "region")


class HouseholdsFound(Schema):
    items = fields.List(fields.Nested(HouseholdOut), required=True, metadata={"description": "50 at most"})
    more = fields.Boolean(required=True, metadata={"description": "more households have this name: type more of it, or name a village"})


@api.post("/households/search")
@access(who=STAFF, x_view="region", idempotent=False)
@api.input(HouseholdSearchIn)
@api.output(HouseholdsFound)
def search_households(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Find households by name or pinyin in a township, or by an exact national id in the caller's regions. Each one shown is recorded."""
    more = False
    if "name" in json_data:
        found, more = queries.find_by_name(session, caller, json_data["region"], json_data["name"])
    else:
        found = queries.find_by_number(session, caller, json_data["national_id"])
    return {"items": households_out(session, found, caller), "more": more}
