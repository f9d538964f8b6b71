"""HTTP route of suggestions: other needs, shown before a claim."""

from typing import Any

from apiflask import APIBlueprint
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.http.auth import GIVERS, Caller
from chassis.http.fields import Choice, Id, Schema, Strict
from chassis.http.routes import access
from chassis.problems import language
from matching.allocation.reasons import LEVELS, URGENCIES, VALUES
from matching.allocation.score import SCOPE_LENGTHS
from matching.suggestions import queries
from matching.suggestions.queries import Suggested

api = APIBlueprint("suggestions", __name__)

NEARNESS = {
    LEVELS[length]: (VALUES["zh-CN"][LEVELS[length]], f"the same {VALUES['en'].get(LEVELS[length], LEVELS[length])}")
    for length in reversed(SCOPE_LENGTHS)
}
URGENCY = {word: (VALUES["zh-CN"][word], word) for word in URGENCIES.values()}
WORDS = {
    "zh-CN": "{nearness}的这项需求同样合适，那里的村子近期还没有得到帮助",
    "en": "This need in {nearness} fits as well. Nobody has helped that village lately.",
}


class ChosenIn(Strict):
    need_id = Id(required=True, metadata={"description": "the need that the caller is about to claim"})
    pledge_id = Id(required=True, metadata={"description": "the caller's own pledge to use"})


class SuggestedOut(Schema):
    """Another need that the pledge fits. Its region is the one that the hall shows; a claim reveals the village."""

    need_id = fields.UUID(required=True)
    region = fields.String(required=True)
    category = fields.String(required=True)
    unit = fields.String(required=True)
    open = fields.Integer(required=True, metadata={"description": "whole units that are not set aside"})
    urgency = Choice(URGENCY, required=True)
    waiting_days = fields.Integer(required=True)
    nearness = Choice(NEARNESS, required=True, metadata={"description": "the narrowest region that contains both regions shown"})
    text = fields.String(required=True)


class SuggestionsOut(Schema):
    """At most three needs, nearest first; none when the chosen village has had no help lately."""

    helped = fields.Integer(required=True, metadata={"description": "needs of the chosen village that had help in the last 90 days"})
    items = fields.List(fields.Nested(SuggestedOut), required=True)


@api.get("/claims/suggestions")
@access(who=GIVERS, x_view="own")
@api.input(ChosenIn, location="query")
@api.output(SuggestionsOut)
def suggest_needs(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """Suggest needs in villages without help, before a claim in a village that has had help. The caller may claim one of them instead."""
    found = queries.suggest_needs(session, caller, **query_data)
    return {"helped": found.helped, "items": [_shown(one, found.region) for one in found.needs]}


def _shown(one: Suggested, chosen: str) -> dict[str, Any]:
    nearness = LEVELS[max(length for length in SCOPE_LENGTHS if length <= len(chosen) and one.region.startswith(chosen[:length]))]
    spoken = NEARNESS[nearness][0 if language() == "zh-CN" else 1]
    return {
        "need_id": one.need_id,
        "region": one.region,
        "category": one.category,
        "unit": one.unit,
        "open": one.open,
        "urgency": URGENCIES[one.urgency],
        "waiting_days": max(0, (now() - one.posted_at).days),
        "nearness": nearness,
        "text": WORDS[language()].format(nearness=spoken),
    }
