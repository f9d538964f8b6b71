"""HTTP operations on limits: managers of a region set them, managers of a part of it may read them."""

from collections.abc import Sequence
from typing import Any

from apiflask import APIBlueprint
from marshmallow import fields, validate
from sqlalchemy.orm import Session

from chassis.http.auth import STAFF, Caller
from chassis.http.fields import NEVER, AllowedOperations, Choice, Region, Schema, Strict, Whole
from chassis.http.routes import access
from needs.limits import actions, queries, rules
from needs.limits.defaults import default_limits
from needs.limits.labels import KINDS, LIMITS, TRUST
from needs.limits.model import LimitSet

api = APIBlueprint("limits", __name__)

MOST = 10**12
UNITS = "for `units`, one is 5 kg or l, 2 hours, 100 yuan, 10 chicks or seedlings, 20 tiles or masks, else one of the item"


class AskedIn(Strict):
    region = Region(rules.REGION_LENGTHS, load_default="", metadata={"description": "county, city or province; empty is the whole country"})


class RegionIn(Strict):
    region = Region(rules.REGION_LENGTHS, required=True, metadata={"description": "county, city or province; empty is the whole country"})


class LimitIn(Strict):
    kind = Choice(KINDS, required=True)
    trust = Choice(TRUST, required=True)
    limit = Choice(LIMITS, required=True)
    most = Whole(0, MOST, required=True, metadata={"description": "0 allows nothing"})


class LimitsIn(Strict):
    limits = fields.List(
        fields.Nested(LimitIn),
        required=True,
        validate=validate.Length(max=200, error="out_of_range"),
        error_messages=NEVER | {"invalid": "wrong"},
        metadata={"description": "all that the region sets; what it leaves out is as in the region around it"},
    )


class LimitOut(Schema):
    kind = Choice(KINDS, required=True)
    trust = Choice(TRUST, required=True)
    limit = Choice(LIMITS, required=True)
    most = fields.Integer(required=True, metadata={"description": UNITS})


class LimitSetOut(Schema):
    """One version of the limits of a region."""

    version = fields.Integer(required=True)
    limits = fields.List(fields.Nested(LimitOut), required=True)
    set_by = fields.UUID(required=True)
    set_at = fields.AwareDateTime(required=True)


class RegionLimitsOut(Schema):
    """The limits in force in a region, whoever set them, and the last fifty versions set for just this region, newest first."""

    region = fields.String(required=True)
    version = fields.Integer(required=True, metadata={"description": "the last version set for this region, 0 without any"})
    in_force = fields.List(fields.Nested(LimitOut), required=True)
    history = fields.List(fields.Nested(LimitSetOut), required=True)
    allowed = AllowedOperations()


@api.get("/limits")
@access(who=STAFF, x_view="region")
@api.input(AskedIn, location="query")
@api.output(RegionLimitsOut)
def get_limits(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """Get the limits of a region, as an administrator of the region or of a part of it."""
    return _answer(session, caller, query_data["region"], queries.list_history(session, caller, **query_data))


@api.put("/limits")
@access(who=STAFF, x_view="region")
@api.input(RegionIn, location="query")
@api.input(LimitsIn)
@api.output(RegionLimitsOut)
def set_limits(session: Session, caller: Caller, query_data: dict[str, Any], json_data: dict[str, Any]) -> Any:
    """Set the limits of a region. They hold for new pledges and needs there; what is pledged and posted already stays."""
    limits = [((one["kind"], one["trust"], one["limit"]), one["most"]) for one in json_data["limits"]]
    region = query_data["region"]
    return _answer(session, caller, region, actions.set_limits(session, caller, region, limits))


def _answer(session: Session, caller: Caller, region: str, history: Sequence[LimitSet]) -> dict[str, Any]:
    sets = queries.load_sets(session, region)
    kinds = dict.fromkeys((kind, trust) for kind, trust, _ in default_limits())
    in_force = [(*of, limit, most) for of in kinds for limit, most in rules.choose_limits(*of, region, sets).items()]
    return {
        "region": region,
        "version": history[0].version if history else 0,
        "in_force": [_shown(entry) for entry in in_force],
        "history": [_set_out(one) for one in history],
        "allowed": ["set_limits"] if caller.manages(region) else [],
    }


def _set_out(one: LimitSet) -> dict[str, Any]:
    stated = {name: getattr(one, name) for name in ("version", "set_by", "set_at")}
    return stated | {"limits": [_shown(entry) for entry in one.limits]}


def _shown(entry: Sequence[str | int]) -> dict[str, Any]:
    return dict(zip(("kind", "trust", "limit", "most"), entry, strict=True))
