"""HTTP operations on the settings of verification: managers of a region set them, managers of a part of it may read them."""

from collections.abc import Sequence
from typing import Any

from apiflask import APIBlueprint
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis.http.auth import STAFF, Caller
from chassis.http.fields import AllowedOperations, Region, Schema, Strict, Whole
from chassis.http.routes import access
from needs.review_settings import actions, queries, rules
from needs.review_settings.model import ReviewSettings

api = APIBlueprint("review_settings", __name__)

MOST_FEN = 10**12
NAMES = ("county_above", "sample_per_mille")
ABOVE = "in fen: the county verifies a need of a greater value too"
SHARE = "of a thousand verified needs, so many are checked again by the county"


class AskedIn(Strict):
    region = Region(rules.REGION_LENGTHS, load_default="", metadata={"description": "county, city or province; empty is the whole country"})


class RegionIn(Strict):
    region = Region(rules.REGION_LENGTHS, required=True, metadata={"description": "county, city or province; empty is the whole country"})


class ReviewSettingsIn(Strict):
    """All that the region sets. A setting that it leaves out is as in the region around it."""

    county_above = Whole(0, MOST_FEN, metadata={"description": ABOVE})
    sample_per_mille = Whole(0, 1_000, metadata={"description": SHARE})


class InForceOut(Schema):
    county_above = fields.Integer(required=True, metadata={"description": ABOVE})
    sample_per_mille = fields.Integer(required=True, metadata={"description": SHARE})


class ReviewSettingsOut(Schema):
    """One version of the settings of a region; null is as in the region around."""

    version = fields.Integer(required=True)
    county_above = fields.Integer(required=True, allow_none=True, metadata={"description": ABOVE})
    sample_per_mille = fields.Integer(required=True, allow_none=True, metadata={"description": SHARE})
    set_by = fields.UUID(required=True)
    set_at = fields.AwareDateTime(required=True)


class RegionReviewSettingsOut(Schema):
    """The settings in force in a region, whoever made them, and the last fifty versions made for just this region, newest first."""

    region = fields.String(required=True)
    version = fields.Integer(required=True, metadata={"description": "the last version made for this region, 0 without any"})
    in_force = fields.Nested(InForceOut, required=True)
    history = fields.List(fields.Nested(ReviewSettingsOut), required=True)
    allowed = AllowedOperations()


@api.get("/review-settings")
@access(who=STAFF, x_view="region")
@api.input(AskedIn, location="query")
@api.output(RegionReviewSettingsOut)
def get_review_settings(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """Get the settings of verification in a region, as an administrator of the region or of a part of it."""
    return _answer(session, caller, query_data["region"], queries.list_history(session, caller, **query_data))


@api.put("/review-settings")
@access(who=STAFF, x_view="region")
@api.input(RegionIn, location="query")
@api.input(ReviewSettingsIn)
@api.output(RegionReviewSettingsOut)
def set_review_settings(session: Session, caller: Caller, query_data: dict[str, Any], json_data: dict[str, Any]) -> Any:
    """Set them for a region. They hold for needs that are verified from now on."""
    region = query_data["region"]
    return _answer(session, caller, region, actions.set_review_settings(session, caller, region, *map(json_data.get, NAMES)))


def _answer(session: Session, caller: Caller, region: str, history: Sequence[ReviewSettings]) -> dict[str, Any]:
    in_force = queries.load_settings(session, [region])[region]
    return {
        "region": region,
        "version": history[0].version if history else 0,
        "in_force": {name: getattr(in_force, name) for name in NAMES},
        "history": [{name: getattr(one, name) for name in ReviewSettingsOut.names()} for one in history],
        "allowed": ["set_review_settings"] if caller.manages(region) else [],
    }
