"""HTTP routes of reliability: people read their own, administrators read that of givers in their region."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis.http.auth import SIGNED_IN, STAFF, Caller
from chassis.http.fields import Choice, Schema
from chassis.http.routes import access
from chassis.http.shown import note_shown
from chassis.problems import language
from matching.appeals.labels import LEVELS, MARKS
from matching.appeals.reliability_report import Ground, ReliabilityReport, load_giver_reliability, load_reliability
from matching.reliability.rules import HALF_LIFE, PRIOR_BAD, PRIOR_GOOD

api = APIBlueprint("reliability", __name__)

WORDS = {
    "zh-CN": {
        "delivery": "{times} 次交付，送到了所答应数量的 {percent}%",
        "collection": "{times} 次接收，收下了送来数量的 {percent}%",
        "no_show": "{times} 次未按约定送达",
        "withdrawal": "{times} 次答应后无法提供",
        "lapse": "{times} 次逾期未答复",
        "rating": "{times} 次评价，平均 {stars:.1f} 星",
        "start": "没有记录时为 {percent}%，{days} 天前的记录只算一半",
    },
    "en": {
        "delivery": "deliveries: {times}; {percent}% of what was promised arrived",
        "collection": "hand-overs: {times}; {percent}% of what was brought was accepted",
        "no_show": "not delivered as agreed: {times}",
        "withdrawal": "not able to give after agreeing: {times}",
        "lapse": "proposals not answered in time: {times}",
        "rating": "ratings: {times}; {stars:.1f} stars on average",
        "start": "{percent}% without a record; what is {days} days old counts half",
    },
}


class GroundOut(Schema):
    code = Choice(MARKS | {"start": ("起点", "starting point")}, required=True)
    times = fields.Integer(required=True)
    text = fields.String(required=True)


class ReliabilityOut(Schema):
    """The expected share of kept promises. Recent events count most; without events it is 80 percent."""

    percent = fields.Integer(required=True, metadata={"description": "0 to 100"})
    level = Choice(LEVELS, required=True, metadata={"description": "the class that orders proposals"})
    reasons = fields.List(fields.Nested(GroundOut), required=True)


@api.get("/reliability")
@access(who=SIGNED_IN, x_view="own")
@api.output(ReliabilityOut)
def get_reliability(session: Session, caller: Caller) -> Any:
    """Get the caller's own reliability with its reasons; `/v1/marks` lists the events behind it."""
    return _shown(load_reliability(session, caller.id))


@api.get("/matches/<uuid:match_id>/reliability")
@access(who=STAFF, x_view="region")
@api.output(ReliabilityOut)
def get_giver_reliability(session: Session, caller: Caller, match_id: UUID) -> Any:
    """Get the reliability of the giver in a match, for the administrators of its region."""
    match, found = load_giver_reliability(session, caller, match_id)
    note_shown(caller, "reliability", match.pledger_id, people=[match.pledger_id], region=match.region)
    return _shown(found)


def _shown(found: ReliabilityReport) -> dict[str, Any]:
    start = Ground("start", 0, PRIOR_GOOD / (PRIOR_GOOD + PRIOR_BAD))
    reasons = [{"code": ground.kind, "times": ground.times, "text": _spoken(ground)} for ground in [*found.grounds, start]]
    return {"percent": round(found.share * 100), "level": list(LEVELS)[found.level], "reasons": reasons}


def _spoken(ground: Ground) -> str:
    figures = {"percent": round(ground.share * 100), "stars": 1 + 4 * ground.share, "days": HALF_LIFE.days}
    return WORDS[language()][ground.kind].format(times=ground.times, **figures)
