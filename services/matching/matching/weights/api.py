"""HTTP routes of weights: managers of a region set them, managers of a part of it may read them."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from apiflask import APIBlueprint
from marshmallow import fields as shown_as
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.http.auth import STAFF, Caller
from chassis.http.fields import AllowedOperations, Moment, Region, Schema, Strict, Whole
from chassis.http.routes import access
from matching.allocation.score import DEFAULT, MAX_WEIGHT, Weights
from matching.weights import actions, queries, rules
from matching.weights.model import WeightSet

api = APIBlueprint("weights", __name__)

MEANING = {
    "urgency": "for each step of urgency (normal 1, urgent 2, critical 4)",
    "waiting_day": "for each day of waiting, a year at most",
    "nearer": "for each level by which the pledge's region is narrower than the country",
    "exact": "when the pledge is for exactly this item, not for its group",
    "village": "in full when no need of the village has help, 0 when all have",
    "floor": "for a village without any help",
    "household": "times five less the needs that the household recently had help with, never below 0",
    "first_help": "when the need has no match yet",
    "hardness": "for each kind of fitting pledges below ten kinds",
    "reliability": "for each class of the pledger's reliability",
    "splitting": "cost of a hand-over, spread over its units; at most `urgency`",
    "share": "for meeting the whole need, spread over its units",
    "threshold": "least score of a unit that is proposed; at most what a need of normal urgency can reach",
}
NAMES = [one.name for one in fields(Weights) if one.name != "version"]


class AskedIn(Strict):
    region = Region(rules.REGION_LENGTHS, load_default="", metadata={"description": "county, city or province; empty is the whole country"})


class RegionIn(Strict):
    region = Region(rules.REGION_LENGTHS, required=True, metadata={"description": "county, city or province; empty is the whole country"})


def _weight(name: str) -> Whole:
    least, most = (1, 1 + 2 * MAX_WEIGHT) if name == "threshold" else (0, MAX_WEIGHT)
    return Whole(least, most, required=True, metadata={"description": MEANING[name]})


WeightsIn: Any = Strict.from_dict(
    {name: _weight(name) for name in NAMES}
    | {"valid_from": Moment(metadata={"description": "start of validity; by default now, never earlier"})},
    name="WeightsIn",
)
ValuesOut: Any = Schema.from_dict(
    {name: shown_as.Integer(required=True, metadata={"description": MEANING[name]}) for name in NAMES}, name="WeightsOut"
)


class WeightSetOut(Schema):
    """One version of a region's weights; the default version was set by nobody."""

    region = shown_as.String(required=True)
    version = shown_as.Integer(required=True)
    weights = shown_as.Nested(ValuesOut, required=True)
    set_by = shown_as.UUID(required=True, allow_none=True)
    set_at = shown_as.AwareDateTime(required=True, allow_none=True)
    valid_from = shown_as.AwareDateTime(required=True, allow_none=True)


class RegionWeightsOut(Schema):
    """The weights in force in a region, whoever set them, and the last fifty versions set for just this region, newest first."""

    region = shown_as.String(required=True)
    version = shown_as.Integer(required=True, metadata={"description": "the last version set for this region, 0 without any"})
    in_force = shown_as.Nested(WeightSetOut, required=True)
    history = shown_as.List(shown_as.Nested(WeightSetOut), required=True)
    allowed = AllowedOperations()


@api.get("/weights")
@access(who=STAFF, x_view="region")
@api.input(AskedIn, location="query")
@api.output(RegionWeightsOut)
def get_weights(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """Get the weights of a region, as an administrator of the region or of a part of it."""
    return _answer(session, caller, query_data["region"], queries.list_history(session, caller, **query_data))


@api.put("/weights")
@access(who=STAFF, x_view="region")
@api.input(RegionIn, location="query")
@api.input(WeightsIn)
@api.output(RegionWeightsOut)
def set_weights(session: Session, caller: Caller, query_data: dict[str, Any], json_data: dict[str, Any]) -> Any:
    """Set a new version of a region's weights. Earlier proposals stay; later clearings use the new weights."""
    valid_from = json_data.pop("valid_from", None)
    region = query_data["region"]
    return _answer(session, caller, region, actions.set_weights(session, caller, region, Weights(**json_data), valid_from))


def _answer(session: Session, caller: Caller, region: str, history: Sequence[WeightSet]) -> dict[str, Any]:
    return {
        "region": region,
        "version": history[0].version if history else queries.FIRST_VERSION.get(region, 0),
        "in_force": _shown(queries.find_weight_set_in_force(session, region, now())),
        "history": [_shown(one) for one in history],
        "allowed": ["set_weights"] if caller.manages(region) else [],
    }


def _shown(one: Any) -> dict[str, Any]:
    if one is None:
        return {"region": "", "version": DEFAULT.version, "weights": asdict(DEFAULT), "set_by": None, "set_at": None, "valid_from": None}
    stated = {name: getattr(one, name) for name in ("region", "version", "set_by", "set_at", "valid_from")}
    return stated | {"weights": asdict(rules.parse_weights(one.weights, one.version))}
