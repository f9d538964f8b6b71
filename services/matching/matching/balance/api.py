"""HTTP routes of the balance, open to everybody."""

from typing import Any

from apiflask import APIBlueprint
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis.http.auth import ANYONE, Caller
from chassis.http.fields import Category, Choice, Region, Schema, Strict
from chassis.http.pagination import PageIn, page_of
from chassis.http.routes import access
from chassis.problems import language
from matching.balance import queries
from matching.balance.labels import STANDINGS, word_wanting

api = APIBlueprint("balance", __name__)


class BalanceIn(Strict):
    region = Region((0, 2, 4, 6, 9), load_default="", metadata={"description": "the region and all below; empty is the whole country"})
    category = Category(metadata={"description": "the category and all below; everything without it"})


class WantingIn(PageIn):
    region = Region((0, 2, 4, 6), load_default="", metadata={"description": "only counties in this region"})
    category = Category(metadata={"description": "only this category and all below"})


def _count(what: str) -> fields.Integer:
    return fields.Integer(required=True, metadata={"description": what})


class UnitOut(Schema):
    """The figures in one unit; different units cannot be added up."""

    unit = fields.String(required=True)
    standing = Choice(STANDINGS, required=True)
    waiting_needs = _count("published needs with a quantity that is not set aside yet")
    waiting_units = _count("their units that are not set aside")
    open_pledges = _count("pledges with a free quantity, for a place and a category inside")
    open_units = _count("their free units")
    reaching_pledges = _count("`open_pledges`, and pledges for a wider region or category that may be used here too")
    reaching_units = _count("their free units")


class TypicalDaysOut(Schema):
    """Typical days of the needs that had their first accepted match in this month or the three before."""

    median = fields.Integer(required=True, allow_none=True, metadata={"description": "whole days from publication; null without needs"})
    of = _count("number of needs counted")


class BalanceOut(Schema):
    """The figures of a region and category, as of a moment ago; a village counts in its township.

    The needs of a township in which fewer than five households have published needs count in its county alone.
    """

    region = fields.String(required=True)
    category = fields.String(required=True)
    waiting_needs = _count("published needs with a quantity that is not set aside yet")
    open_pledges = _count("pledges with a free quantity, for a place and a category inside")
    reaching_pledges = _count("`open_pledges`, and pledges for a wider region or category that may be used here too")
    units = fields.List(fields.Nested(UnitOut), required=True)
    typical_days = fields.Nested(TypicalDaysOut, required=True)


class WantingOut(Schema):
    """An item that needs of a county wait for. The greatest weight comes first; the order of equal weights is stable."""

    region = fields.String(required=True, metadata={"description": "the county"})
    category = fields.String(required=True)
    unit = fields.String(required=True)
    waiting_needs = _count("waiting needs of this item and unit")
    waiting_units = _count("their units that are not set aside")
    weight = _count("each need weighs 1, an urgent one 2, a critical one 4")
    text = fields.String(required=True, metadata={"description": "the reason of this place in the list"})


WantingPage = page_of(WantingOut)


@api.get("/balance")
@access(who=ANYONE, x_view="public")
@api.input(BalanceIn, location="query")
@api.output(BalanceOut)
def get_balance(session: Session, caller: Caller | None, query_data: dict[str, Any]) -> Any:
    """Get the waiting needs and open pledges of a region and category, and the days that a match typically takes."""
    return queries.load_balance(session, **query_data)


@api.get("/balance/wanting")
@access(who=ANYONE, x_view="public")
@api.input(WantingIn, location="query")
@api.output(WantingPage)
def list_wanting(session: Session, caller: Caller | None, query_data: dict[str, Any]) -> Any:
    """List the items that are short, by county, the most wanting first: hints for new pledges."""
    page = queries.list_most_wanting(session, **query_data)
    items = [item | {"text": word_wanting(item["waiting_needs"], item["weight"], language())} for item in page["items"]]
    return page | {"items": items}
