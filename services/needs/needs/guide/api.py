"""HTTP operation of the guide, and the fields of warnings."""

from typing import Any

from apiflask import APIBlueprint
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis.http.auth import HOUSEHOLD, STAFF, Caller
from chassis.http.fields import Category, Choice, Id, Region, Schema, Strict, Whole
from chassis.http.routes import access
from chassis.http.shown import note_shown
from needs.catalogue.api import ItemOut, item_out
from needs.guide import queries
from needs.guide.labels import WARNINGS
from needs.guide.rules import MOST_QUANTITY, find_warnings

api = APIBlueprint("guide", __name__)


class GuideIn(Strict):
    category = Category(required=True, metadata={"description": "an item of the catalogue"})
    region = Region((0, 2, 4, 6, 9, 12), metadata={"description": "by default the household's, else the one that the caller manages"})
    household_id = Id(metadata={"description": "a household of the caller's region; households leave it out"})
    quantity = Whole(1, MOST_QUANTITY, in_address=True, metadata={"description": "to warn of what is far above the typical quantity"})


class WarningOut(Schema):
    """Advice about a need. It refuses nothing."""

    code = Choice(WARNINGS, required=True)
    zh = fields.String(required=True)
    en = fields.String(required=True)
    figures = fields.Dict(keys=fields.String(), required=True, metadata={"description": "by name"})


class TypicalOut(Schema):
    """The quantities of the newest needs of the item in a region, at most 200. Institutions are compared with institutions."""

    region = fields.String(required=True)
    count = fields.Integer(required=True)
    quantities = fields.List(
        fields.Integer(), required=True, metadata={"description": "a quarter, a half, three quarters and nine tenths ask for this at most"}
    )


class WaitingOut(Schema):
    """What waits and what is offered in a region and below it. Pledges for a wider region count there alone."""

    region = fields.String(required=True)
    waiting_needs = fields.Integer(required=True)
    waiting_units = fields.Integer(required=True)
    open_pledges = fields.Integer(required=True)
    open_units = fields.Integer(required=True)
    typical_days = fields.Integer(required=True, allow_none=True, metadata={"description": "from publication to a match"})


class PostedOut(Schema):
    """The needs of the household, beside what is advised. The advice is a limit of the region (`GET /v1/limits`) that refuses nothing."""

    open = fields.Integer(required=True)
    last_year = fields.Integer(required=True)
    same_item = fields.Integer(required=True, metadata={"description": "open ones of the same item"})
    advised_open = fields.Integer(required=True)
    advised_a_year = fields.Integer(required=True)


class QuotaOut(Schema):
    """The quantity of the item that the household may ask for within `days`. Its needs of these days count; ended ones as far as met."""

    size = fields.Integer(required=True, allow_none=True, metadata={"description": "people in the household; null: not registered"})
    days = fields.Integer(required=True)
    usual = fields.Integer(required=True, allow_none=True, metadata={"description": "advised for a household of this size"})
    total = fields.Integer(required=True, allow_none=True, metadata={"description": "the most within the days; null: only `most` holds"})
    most = fields.Integer(required=True, allow_none=True, metadata={"description": "the most of one need"})
    used = fields.Integer(required=True)
    left = fields.Integer(required=True, allow_none=True)


class GuideOut(Schema):
    """Advice for a need of an item. Regions are the county and those around it, the nearest first; `typical` has county and country."""

    region = fields.String(required=True)
    item = fields.Nested(ItemOut, required=True, metadata={"description": "what is allowed in the region"})
    typical = fields.List(fields.Nested(TypicalOut), required=True)
    balance = fields.List(fields.Nested(WaitingOut), required=True)
    household = fields.Nested(PostedOut, required=True, allow_none=True)
    quota = fields.Nested(
        QuotaOut, required=True, allow_none=True, metadata={"description": "null without a household; none for institutions"}
    )
    warnings = fields.List(fields.Nested(WarningOut), required=True)


@api.get("/guide")
@access(who=HOUSEHOLD | STAFF, x_view="own")
@api.input(GuideIn, location="query")
@api.output(GuideOut)
def get_guide(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """Get advice before posting: typical quantities, what waits and what is offered here and above, and the household's needs."""
    household = queries.find_household(session, caller, query_data.get("household_id"))
    nearest = household.region if household else next(iter(caller.regions), "")
    region = query_data.get("region", nearest)
    guide = queries.load_guide(session, query_data["category"], region, household)
    if household:
        people = [household.account_id or household.id]
        note_shown(caller, "household", household.id, people=people, region=household.region)
    told = {name: getattr(guide, name) for name in ("region", "typical", "balance", "household", "quota")}
    return told | {"item": item_out(guide.terms), "warnings": find_warnings(guide, query_data.get("quantity"))}
