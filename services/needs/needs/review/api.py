"""HTTP operation on reviewers: what they decided, and how often a check of the county found it wrong."""

from datetime import datetime, time, timedelta
from typing import Any

from apiflask import APIBlueprint
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.http.auth import STAFF, Caller
from chassis.http.fields import Moment, Region, Schema, Strict, Whole
from chassis.http.routes import access
from chassis.http.shown import note_shown
from chassis.problems import invalid
from chassis.working_days import CHINA
from needs.review import queries
from needs.samples.rules import list_county_regions

api = APIBlueprint("reviewers", __name__)

USUAL_PERIOD, LONGEST_PERIOD = timedelta(days=90), timedelta(days=366)


class ReviewersIn(Strict):
    region = Region((0, 2, 4, 6, 9, 12), load_default="")
    since = Moment(metadata={"description": "90 days before `until` unless stated"})
    until = Moment(metadata={"description": "the end of today in China unless stated; a year after `since` at most"})
    limit = Whole(1, 100, in_address=True, load_default=100)


class ReviewerOut(Schema):
    """What a reviewer decided in a period, and what the checks of needs verified in it found so far."""

    id = fields.UUID(required=True, metadata={"description": "the administrator"})
    verified = fields.Integer(required=True, metadata={"description": "confirmed for the county included"})
    returned = fields.Integer(required=True)
    rejected = fields.Integer(required=True)
    sampled = fields.Integer(required=True, metadata={"description": "of the verified needs, drawn to be checked"})
    checked = fields.Integer(required=True)
    wrong = fields.Integer(required=True)
    error_rate = fields.Float(required=True, allow_none=True, metadata={"description": "wrong over checked; null before a check"})
    weighted_error_rate = fields.Float(
        required=True,
        allow_none=True,
        metadata={"description": "the same by value, at most 10,000 yuan a need: many small needs outweigh no large one"},
    )


class ReviewersOut(Schema):
    """The reviewers of a region, those with the greatest weighted error rate first."""

    since = fields.AwareDateTime(required=True)
    until = fields.AwareDateTime(required=True)
    items = fields.List(fields.Nested(ReviewerOut), required=True)


@api.get("/reviewers")
@access(who=STAFF, x_view="region", slow=True)
@api.input(ReviewersIn, location="query")
@api.output(ReviewersOut)
def list_reviewers(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List the reviewers of the counties that the caller manages, and how often they were wrong in a period."""
    region, until = query_data["region"], query_data.get("until") or _end_of_today()
    since = query_data.get("since") or until - USUAL_PERIOD
    if not timedelta(0) < until - since <= LONGEST_PERIOD:
        raise invalid(errors=[{"pointer": "#query/since", "code": "out_of_range"}])
    found = queries.list_reviewers(session, caller, region, since, until, query_data["limit"])
    for one in found:
        place = region or list_county_regions(caller)[0]
        note_shown(caller, "account", one.reviewer_id, people=[one.reviewer_id], region=place)
    items = [{name: getattr(one, name) for name in ReviewerOut.names() if name != "id"} | {"id": one.reviewer_id} for one in found]
    return {"since": since, "until": until, "items": items}


def _end_of_today() -> datetime:
    tomorrow = now().astimezone(CHINA).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time.min, CHINA)
