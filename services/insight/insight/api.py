"""What insight answers over HTTP."""

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
from insight.rates import rates
from insight.table import table

api = APIBlueprint("insight", __name__, url_prefix="/v1")

BY = {"day": ("按日", "by day"), "week": ("按周", "by week"), "month": ("按月", "by month")}


class Day(fields.Date):
    """A day, ISO 8601, of a year from 2000 to 2199."""

    default_error_messages = NEVER | {"invalid": "wrong", "format": "wrong"}

    def __init__(self, **options: Any) -> None:
        super().__init__(validate=validate.Range(date(2000, 1, 1), date(2199, 12, 31), error="out_of_range"), **options)


class RatesIn(Strict):
    region = Region((0, 2, 4, 6, 9, 12), load_default="", metadata={"description": "itself and all below; empty is the whole country"})
    since = Day(metadata={"description": "first day, of Asia/Shanghai; without it about a year before `until`"})
    until = Day(metadata={"description": "last day, included; today without it; for the public the last month that is over at the latest"})
    by = Choice(BY, metadata={"description": "the buckets of `series`; month without it, and for the public"})


def _share(what: str) -> fields.Float:
    return fields.Float(required=True, allow_none=True, metadata={"description": what})


def _figure(what: str) -> fields.Integer:
    return fields.Integer(required=True, allow_none=True, metadata={"description": what})


class UseRateOut(Schema):
    rate = _share("`active` over `registered_by_then`")
    of = _figure("the denominator")


class MatchRateOut(Schema):
    """Of the needs published in the period, how they stand by now; never to be read without each other, for small and easy needs raise the
    raw rate alone."""

    raw = _share("needs with an accepted match, over all published needs; those that were withdrawn or closed included in both")
    weighted = _share("the same by weight: urgency (1, 2, 4) times reference value, a need that is met in part counting in part")
    delivered = _share("as `weighted`, of what both sides confirmed as delivered")
    of = _figure("the denominator of all three: needs published")


class DaysToMatchOut(Schema):
    """The least of 0, 1, 2, 3, 5, 7, 10, 14, 21, 30, 45, 60 and 90 days within which that share of the helped needs had its first match."""

    median = _figure("for half of them; null beyond 90 days")
    p90 = _figure("for nine tenths of them")
    of = _figure("needs with an accepted match")


class ShareOut(Schema):
    """政府/社会: who helped, by reference value. Society's are accepted matches, by the kind of who pledged, however the need
    ended later; the government's is what no accepted match covers of needs that an administrator closed as met elsewhere.
    For the public all are null while 1 to 4 needs stand behind one side or `met_elsewhere`, and those of the four kinds while 1 to 4 needs
    stand behind one of them."""

    government = _share("政府; for the public this and all others are null while 1 to 4 needs stand behind either side")
    society = _share("社会: all four kinds together; for the public told without them while 1 to 4 needs stand behind one of them")
    donor = _share("爱心人士")
    organisation = _share("社会组织/企业")
    merchant = _share("网络商")
    volunteer = _share("志愿者")
    of_fen = _figure("the reference value of all that help, in fen")


class FiguresOut(Schema):
    """Null is what is not known, or kept back from the public: counts from 1 to 4; the others are told to the nearest 5 there."""

    registered = _figure("accounts registered in the period, staff apart; people count where they are registered")
    registered_by_then = _figure("the same from the beginning of all")
    households = _figure("households entered in the register in the period")
    active = _figure("of these accounts those who posted a need that was published, pledged, accepted or refused; in an average bucket")
    needs = _figure("needs published in the period; all below up to `lapsed` says how these stand by now, `rejected` apart")
    rejected = _figure("needs that their verifier rejected in the period")
    withdrawn = _figure("taken back by their own side")
    closed = _figure("closed by an administrator")
    helped = _figure("with at least one accepted match, also when the need was withdrawn or closed later: what was accepted stays")
    delivered = _figure("with something that the giver sent and the household's side received")
    met_elsewhere = _figure("closed as met elsewhere without any accepted match")
    matches = _figure("accepted matches, those whose need was withdrawn or closed later included")
    refused = _figure("proposals that were refused")
    lapsed = _figure("proposals that ended unanswered")
    disputes = _figure("matches that a side disputed in the period; null for the public, as the three below")
    disputes_open = _figure("of these disputes, those that are not settled by now")
    appeals = _figure("appeals lodged in the period against a mark")
    appeals_open = _figure("of these appeals, those that the county has not decided by now")
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
    """Against the period before, of the same length: counts by the share they grew, rates by the difference."""

    registered = _share("0.25 is a quarter more")
    active = _share("as above")
    needs = _share("as above")
    helped = _share("as above")
    raw = _share("0.25 is from 0.5 to 0.75")
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
        fields.Nested(RankedOut), required=True, metadata={"description": "the regions right below; for the public down to counties"}
    )


@api.get("/rates")
@access(who=ANYONE, x_view="public")
@api.input(RatesIn, location="query")
@api.output(RatesOut)
def get_rates(session: Session, caller: Caller | None, query_data: dict[str, Any]) -> Any:
    """Rates of a region and those right below it over a period; for the public of counties and wider, by months that are over."""
    return rates(session, caller, **query_data)


@api.get("/rates/csv")
@access(who=ANYONE, x_view="public")
@api.input(RatesIn, location="query")
@api.doc(responses={200: {"description": "the rates as a table", "content": {"text/csv": {"schema": {"type": "string"}}}}})
def get_rates_csv(session: Session, caller: Caller | None, query_data: dict[str, Any]) -> Any:
    """The same as a table for spreadsheets, with headings in the language of the caller."""
    told = table(rates(session, caller, **query_data), language())
    return Response(told, content_type="text/csv; charset=utf-8", headers={"Content-Disposition": 'attachment; filename="rates.csv"'})
