"""The HTTP API of insight."""

from datetime import date
from typing import Any

from apiflask import APIBlueprint
from flask import Response
from marshmallow import fields, validate
from sqlalchemy.orm import Session

from chassis.http.auth import ANYONE, Caller
from chassis.http.fields import NEVER, Choice, Region, Schema, Strict
from chassis.http.routes import access
from chassis.problems import language
from insight.rates import compute_rates
from insight.table import write_csv

api = APIBlueprint("insight", __name__, url_prefix="/v1")

BY = {"day": ("按日", "by day"), "week": ("按周", "by week"), "month": ("按月", "by month")}


class Day(fields.Date):
    """A day, ISO 8601, of a year from 2000 to 2199."""

    default_error_messages = NEVER | {"invalid": "wrong", "format": "wrong"}

    def __init__(self, **options: Any) -> None:
        super().__init__(validate=validate.Range(date(2000, 1, 1), date(2199, 12, 31), error="out_of_range"), **options)


class RatesIn(Strict):
    region = Region((0, 2, 4, 6, 9, 12), load_default="", metadata={"description": "the region and all below; empty is the whole country"})
    since = Day(metadata={"description": "first day, in Asia/Shanghai; by default about a year before `until`"})
    until = Day(metadata={"description": "last day, included; by default today; for the public the end of a past month"})
    by = Choice(BY, metadata={"description": "length of the buckets in `series`; months by default, and for the public always"})


def _share(description: str) -> fields.Float:
    return fields.Float(required=True, allow_none=True, metadata={"description": description})


def _figure(description: str) -> fields.Integer:
    return fields.Integer(required=True, allow_none=True, metadata={"description": description})


class UseRateOut(Schema):
    rate = _share("`active` over `registered_by_then`")
    of = _figure("the denominator")


class MatchRateOut(Schema):
    """The present state of the needs published in the period. Read the rates together: small and easy needs raise the raw one alone."""

    raw = _share("needs with an accepted match, over all published needs; those that were withdrawn or closed included in both")
    weighted = _share("the same, weighted by urgency (1, 2, 4) times reference value; a partly met need counts in part")
    delivered = _share("as `weighted`, for quantities that both sides confirmed as delivered")
    of = _figure("the denominator of all three: needs published")


class DaysToMatchOut(Schema):
    """The least of 0, 1, 2, 3, 5, 7, 10, 14, 21, 30, 45, 60 and 90 days within which that share of the helped needs had its first match."""

    median = _figure("half of the needs had an accepted match within so many days; null beyond 90")
    p90 = _figure("the same for nine tenths")
    of = _figure("needs with an accepted match")


class ShareOut(Schema):
    """政府/社会: the shares of help by reference value. Society's are accepted matches, by the kind of pledger, however the need ended
    later. The government's is the part of needs closed as met elsewhere that no accepted match covers.
    For the public, all are null while 1 to 4 needs stand behind one side or `met_elsewhere`, and those of the four kinds while 1 to 4
    needs stand behind one of them."""

    government = _share("政府; for the public this and all others are null while 1 to 4 needs stand behind either side")
    society = _share("社会: all four kinds together; for the public without the kinds while 1 to 4 needs stand behind one of them")
    donor = _share("爱心人士")
    organisation = _share("社会组织/企业")
    merchant = _share("网络商")
    volunteer = _share("志愿者")
    of_fen = _figure("the reference value of all help counted, in fen")


class FiguresOut(Schema):
    """Figures. Unknown ones are null. For the public, counts from 1 to 4 are null too, and the others are rounded to the nearest 5."""

    registered = _figure("accounts registered in the period, staff apart; people count where they are registered")
    registered_by_then = _figure("accounts registered up to the end of the period")
    households = _figure("households entered in the register in the period")
    active = _figure("accounts that posted a published need, pledged, accepted or refused; the average over buckets")
    needs = _figure("needs published in the period; all figures up to `lapsed`, except `rejected`, give their present state")
    rejected = _figure("needs that their verifier rejected in the period")
    withdrawn = _figure("withdrawn by their own side")
    closed = _figure("closed by an administrator")
    helped = _figure("with at least one accepted match, even if the need was withdrawn or closed later")
    delivered = _figure("with a quantity that the giver sent and the household's side received")
    met_elsewhere = _figure("closed as met elsewhere without any accepted match")
    matches = _figure("accepted matches, those whose need was withdrawn or closed later included")
    refused = _figure("proposals that were refused")
    lapsed = _figure("proposals that ended unanswered")
    disputes = _figure("matches that a side disputed in the period; for the public null, as the next three figures")
    disputes_open = _figure("`disputes` that are still unsettled")
    appeals = _figure("appeals lodged in the period against a reliability event")
    appeals_open = _figure("`appeals` that are still undecided")
    use_rate = fields.Nested(UseRateOut, required=True)
    match_rate = fields.Nested(MatchRateOut, required=True)
    days_to_match = fields.Nested(DaysToMatchOut, required=True)
    share = fields.Nested(ShareOut, required=True)


class BeforeOut(FiguresOut):
    since = fields.Date(required=True)
    until = fields.Date(required=True)


class BucketOut(FiguresOut):
    start = fields.Date(required=True, metadata={"description": "first day of the bucket, which may lie before `since`"})


class RankedOut(FiguresOut):
    rank = _figure("by the weighted match rate; null without one")
    region = fields.String(required=True)


class TrendOut(Schema):
    """The change against the period before, of the same length: relative growth of counts, difference of rates."""

    registered = _share("relative change: 0.25 is a quarter more")
    active = _share("as above")
    needs = _share("as above")
    helped = _share("as above")
    raw = _share("difference: 0.25 is from 0.5 to 0.75")
    weighted = _share("as above")
    delivered = _share("as above")


class RatesOut(Schema):
    region = fields.String(required=True)
    shown = fields.String(required=True, metadata={"enum": ["public", "region"]})
    since = fields.Date(required=True)
    until = fields.Date(required=True)
    by = Choice(BY, required=True)
    figures = fields.Nested(FiguresOut, required=True)
    before = fields.Nested(BeforeOut, required=True)
    trend = fields.Nested(TrendOut, required=True)
    series = fields.List(fields.Nested(BucketOut), required=True)
    ranking = fields.List(
        fields.Nested(RankedOut), required=True, metadata={"description": "the regions directly below; for the public down to counties"}
    )


CSV_RESPONSE: dict[int | str, dict[str, str | dict[str, dict[str, Any]]]] = {
    200: {"description": "the rates as a table", "content": {"text/csv": {"schema": {"type": "string"}}}}
}


@api.get("/rates")
@access(who=ANYONE, x_view="public")
@api.input(RatesIn, location="query")
@api.output(RatesOut)
def get_rates(session: Session, caller: Caller | None, query_data: dict[str, Any]) -> Any:
    """Get the rates of a region and of those directly below it over a period. The public gets past months of counties and wider regions."""
    return compute_rates(session, caller, **query_data)


@api.get("/rates/csv")
@access(who=ANYONE, x_view="public")
@api.input(RatesIn, location="query")
@api.doc(responses=CSV_RESPONSE)
def get_rates_csv(session: Session, caller: Caller | None, query_data: dict[str, Any]) -> Any:
    """Get the same rates as a CSV table, with headings in the caller's language."""
    table = write_csv(compute_rates(session, caller, **query_data), language())
    return Response(table, content_type="text/csv; charset=utf-8", headers={"Content-Disposition": 'attachment; filename="rates.csv"'})
