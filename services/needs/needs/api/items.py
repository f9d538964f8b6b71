"""HTTP operation on the catalogue."""

from typing import Any

from apiflask import APIBlueprint
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis.http.auth import ANYONE, Caller
from chassis.http.fields import Schema
from chassis.http.routes import access
from needs.catalogue import catalogue

api = APIBlueprint("items", __name__)


class ItemOut(Schema):
    category = fields.String(required=True)
    unit = fields.String(required=True, allow_none=True)
    zh = fields.String(required=True)
    en = fields.String(required=True)


class CatalogueOut(Schema):
    items = fields.List(fields.Nested(ItemOut), required=True)


@api.get("/catalogue")
@access(who=ANYONE, x_view="public")
@api.output(CatalogueOut)
def list_catalogue(session: Session, caller: Caller | None) -> Any:
    """List the catalogue of items to ask for and pledge. Groups have no unit and come before their items."""
    return {"items": list(catalogue().values())}
