"""HTTP operations on the catalogue: everybody reads it, managers from the county up set the rules of their region."""

from collections.abc import Sequence
from typing import Any

from apiflask import APIBlueprint
from marshmallow import fields, validate
from sqlalchemy.orm import Session

from chassis.http.auth import ANYONE, STAFF, Caller
from chassis.http.fields import NEVER, AllowedOperations, Category, Choice, Flag, PlainList, Region, Schema, Strict, Text, Whole
from chassis.http.routes import access
from chassis.wording import measure_of
from needs.catalogue import actions, queries, rules
from needs.catalogue.labels import KINDS, NUMBERS, PHOTO, SETS, SPECIFICATION
from needs.catalogue.model import CatalogueRules
from needs.catalogue.rules import Terms

api = APIBlueprint("catalogue", __name__)

MOST, PRICE = 10**9, 10**12


class CatalogueIn(Strict):
    region = Region(
        (0, 2, 4, 6, 9, 12), load_default="", metadata={"description": "the terms that hold there; empty for the national ones"}
    )


class SpecificationFieldOut(Schema):
    """A field that describes an item."""

    name = fields.String(required=True)
    zh = fields.String(required=True)
    en = fields.String(required=True)
    type = fields.String(required=True, metadata={"enum": ["text", "number"]})
    required = fields.Boolean(required=True)


class ItemOut(Schema):
    """An item or a group, with its terms in the asked region."""

    category = fields.String(required=True)
    unit = fields.String(required=True, allow_none=True)
    zh = fields.String(required=True)
    en = fields.String(required=True)
    also = fields.List(
        fields.String(), required=True, metadata={"description": "other names by which people ask for it, as 铺盖 for 棉被; for searching"}
    )
    kind = Choice(KINDS, required=True, metadata={"description": "the kind of pledges that fit it"})
    measure = fields.String(
        required=True, allow_none=True, metadata={"description": "the Chinese measure word: 床, 只, 公斤; null for a group"}
    )
    catalogue = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "`pandemic`, `disaster`: offered where a region has switched it on; null for everyday items"},
    )
    offered = fields.Boolean(required=True, metadata={"description": "whether needs for it may be posted in the region"})
    most = fields.Integer(required=True, allow_none=True, metadata={"description": "the most of a household's need"})
    most_of_institution = fields.Integer(required=True, allow_none=True, metadata={"description": "the most of an institution's need"})
    per_person = fields.Integer(required=True, allow_none=True, metadata={"description": "usual for each person of a household: advice"})
    per_household = fields.Integer(required=True, allow_none=True, metadata={"description": "usual for a household: advice"})
    price = fields.Integer(required=True, allow_none=True, metadata={"description": "the most that a unit usually costs, in fen"})
    days = fields.Integer(required=True, metadata={"description": "days until a need expires"})
    best_before = fields.Boolean(required=True, metadata={"description": "whether the thing has a best-before date"})
    photo = Choice(PHOTO, required=True)
    reason_length = fields.Integer(required=True, metadata={"description": "least characters of the reason"})
    specification = fields.List(fields.Nested(SpecificationFieldOut), required=True)


class CatalogueOut(Schema):
    """The whole catalogue. `version` grows with every change of what is shown."""

    version = fields.Integer(required=True)
    items = PlainList(fields.Nested(ItemOut), required=True)


class RulesAskedIn(Strict):
    region = Region(rules.REGION_LENGTHS, load_default="", metadata={"description": "county, city or province; empty is the whole country"})


class RulesSetIn(Strict):
    region = Region(rules.REGION_LENGTHS, required=True, metadata={"description": "county, city or province; empty is the whole country"})


class ItemRuleIn(Strict):
    """What a region changes of an item, or of all items of a group. What is left out is as in the region around."""

    category = Category(required=True)
    offered = Flag()
    most = Whole(0, MOST)
    most_of_institution = Whole(0, MOST)
    per_person = Whole(1, MOST)
    per_household = Whole(1, MOST)
    price = Whole(1, PRICE)
    days = Whole(1, 731)
    photo = Choice(PHOTO)
    reason_length = Whole(1, 100)


class ForbiddenWordsIn(Strict):
    """Words that no need of the region may ask for, and items that may be asked for instead."""

    words = fields.List(
        Text(50), required=True, validate=validate.Length(1, 50, error="out_of_range"), error_messages=NEVER | {"invalid": "wrong"}
    )
    instead = fields.List(
        Category(), load_default=list, validate=validate.Length(max=10, error="out_of_range"), error_messages=NEVER | {"invalid": "wrong"}
    )


def _listed(of: type[Strict], most: int) -> Any:
    checks = validate.Length(max=most, error="out_of_range")
    return fields.List(fields.Nested(of), load_default=list, validate=checks, error_messages=NEVER | {"invalid": "wrong"})


class CatalogueRulesIn(Strict):
    """All rules of a region: they replace those before."""

    sets = fields.List(
        Choice(SETS),
        load_default=None,
        allow_none=True,
        validate=validate.Length(max=len(SETS), error="out_of_range"),
        error_messages={"required": "required", "invalid": "wrong"},
        metadata={"description": "the catalogues that are switched on; null: as in the region around"},
    )
    items = _listed(ItemRuleIn, 1000)
    forbidden = _listed(ForbiddenWordsIn, 50)


class ItemRuleOut(Schema):
    category = fields.String(required=True)
    offered = fields.Boolean()
    most = fields.Integer()
    most_of_institution = fields.Integer()
    per_person = fields.Integer()
    per_household = fields.Integer()
    price = fields.Integer()
    days = fields.Integer()
    photo = Choice(PHOTO)
    reason_length = fields.Integer()


class ForbiddenWordsOut(Schema):
    words = fields.List(fields.String(), required=True)
    instead = fields.List(fields.String(), required=True)


class CatalogueRulesOut(Schema):
    """One version of the rules of a region."""

    version = fields.Integer(required=True)
    sets = fields.List(Choice(SETS), required=True, allow_none=True)
    items = fields.List(fields.Nested(ItemRuleOut), required=True)
    forbidden = fields.List(fields.Nested(ForbiddenWordsOut), required=True)
    set_by = fields.UUID(required=True)
    set_at = fields.AwareDateTime(required=True)


class RegionCatalogueOut(Schema):
    """The last fifty versions set for just this region, newest first. `GET /v1/catalogue?region=` shows the terms in force."""

    region = fields.String(required=True)
    version = fields.Integer(required=True, metadata={"description": "the last version set for this region, 0 without any"})
    history = fields.List(fields.Nested(CatalogueRulesOut), required=True)
    allowed = AllowedOperations()


@api.get("/catalogue")
@access(who=ANYONE, x_view="public")
@api.input(CatalogueIn, location="query")
@api.output(CatalogueOut)
def list_catalogue(session: Session, caller: Caller | None, query_data: dict[str, Any]) -> Any:
    """List the catalogue of items to ask for and pledge. Groups have no unit and come before their items."""
    found = queries.list_terms(session, query_data["region"])
    around = found[0].versions or {} if found else {}
    others = sum(version for region, version in around.items() if region != "national")
    version = sum((terms.versions or {})["national"] for terms in found) + others
    return {"version": version, "items": [item_out(terms) for terms in found]}


@api.get("/catalogue/rules")
@access(who=STAFF, x_view="region")
@api.input(RulesAskedIn, location="query")
@api.output(RegionCatalogueOut)
def get_catalogue_rules(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """Get the rules that a region has set, as an administrator or auditor of the region or of a part of it."""
    return _answer(caller, query_data["region"], queries.list_history(session, caller, **query_data))


@api.put("/catalogue/rules")
@access(who=STAFF, x_view="region")
@api.input(RulesSetIn, location="query")
@api.input(CatalogueRulesIn)
@api.output(RegionCatalogueOut)
def set_catalogue_rules(session: Session, caller: Caller, query_data: dict[str, Any], json_data: dict[str, Any]) -> Any:
    """Set the rules of a region. They hold for new needs there; a need that was posted keeps the terms of its time."""
    region = query_data["region"]
    return _answer(caller, region, actions.set_rules(session, caller, region, json_data))


def _answer(caller: Caller, region: str, history: Sequence[CatalogueRules]) -> dict[str, Any]:
    return {
        "region": region,
        "version": history[0].version if history else 0,
        "history": [_version_out(one) for one in history],
        "allowed": ["set_catalogue_rules"] if caller.manages(region) else [],
    }


def _version_out(one: CatalogueRules) -> dict[str, Any]:
    items = [{"category": category, **changed} for category, changed in one.rules["items"].items()]
    stated = {"sets": one.rules["sets"], "items": items, "forbidden": one.rules["forbidden"]}
    return stated | {name: getattr(one, name) for name in ("version", "set_by", "set_at")}


def item_out(terms: Terms) -> dict[str, Any]:
    item = terms.item
    stated = {name: getattr(item, name) for name in ("category", "unit", "zh", "en", "kind", "best_before", "also")}
    stated |= {name: getattr(terms, name) for name in rules.CHANGEABLE}
    stated |= {"catalogue": item.set or None, "measure": measure_of(rules.words_of(item), item.unit) if item.unit else None}
    return stated | {"specification": [_field_out(name, name in item.required) for name in item.specification]}


def _field_out(name: str, required: bool) -> dict[str, Any]:
    zh, en = SPECIFICATION[name]
    return {"name": name, "zh": zh, "en": en, "type": "number" if name in NUMBERS else "text", "required": required}
