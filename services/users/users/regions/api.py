"""HTTP operations on the national division codes."""

from typing import Any

from apiflask import APIBlueprint
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis.http.auth import ANYONE, Caller
from chassis.http.fields import Choice, Region, Schema, Strict, Text, Whole
from chassis.http.routes import access
from users.fields import LEVELS
from users.regions import queries

api = APIBlueprint("regions", __name__)


class RegionsIn(Strict):
    name = Text(50, metadata={"description": "a part of a present or former name"})
    within = Region((0, 2, 4, 6, 9, 12), load_default="", metadata={"description": "only regions in this one"})
    limit = Whole(1, 100, in_address=True, metadata={"description": "maximum number of regions; 20 by default with `name`"})


class DivisionOut(Schema):
    code = fields.String(required=True)
    name = fields.String(required=True)
    level = Choice(LEVELS, required=True)


class FormerOut(Schema):
    code = fields.String(required=True)
    name = fields.String(required=True)


class RegionOut(DivisionOut):
    """A region with the regions around it, the widest first, and its former codes and names."""

    ancestors = fields.List(fields.Nested(DivisionOut), required=True)
    formerly = fields.List(fields.Nested(FormerOut), required=True)


class AskedRegionOut(RegionOut):
    asked = fields.String(required=True, metadata={"description": "the code in the address; `code` differs if the region got a new one"})


class RegionsOut(Schema):
    items = fields.List(fields.Nested(RegionOut), required=True)


class DivisionsOut(Schema):
    items = fields.List(fields.Nested(DivisionOut), required=True)


@api.get("/regions")
@access(who=ANYONE, x_view="public")
@api.input(RegionsIn, location="query")
@api.output(RegionsOut)
def list_regions(session: Session, caller: Caller | None, query_data: dict[str, Any]) -> Any:
    """List the provinces, or the regions in `within`; with `name`, the regions whose name contains it, wider ones first."""
    if "name" in query_data:
        found = queries.search_regions(session, query_data["name"], query_data["within"], query_data.get("limit", 20))
    else:
        found = queries.list_children(session, query_data["within"])[: query_data.get("limit")]
    return {"items": queries.describe_regions(session, found)}


@api.get("/regions/<code>")
@access(who=ANYONE, x_view="public")
@api.output(AskedRegionOut)
def get_region(session: Session, caller: Caller | None, code: str) -> Any:
    """Get a region. A former code of a county is answered with its present region."""
    [found] = queries.describe_regions(session, [queries.get_region(session, code)])
    return found | {"asked": code}


@api.get("/regions/<code>/children")
@access(who=ANYONE, x_view="public")
@api.output(DivisionsOut)
def list_children(session: Session, caller: Caller | None, code: str) -> Any:
    """List all regions one level below, by code: at most 170, and none below a village."""
    return {
        "items": [
            queries.describe_division(child.code, child.name)
            for child in queries.list_children(session, queries.get_region(session, code).code)
        ]
    }
