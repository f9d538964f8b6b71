"""HTTP: the filters of the hall, and the operation that counts its needs."""

from datetime import timedelta
from typing import Any

import msgspec
from apiflask import APIBlueprint
from marshmallow import ValidationError, fields, validates_schema
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.http.auth import ANYONE, Caller
from chassis.http.fields import Choice, Flag, Region, Schema, Strict, Text, Whole
from chassis.http.rendering import render_exact
from chassis.http.routes import access
from chassis.problems import FieldCode
from needs.catalogue.labels import KINDS
from needs.filters import HallIn
from needs.hall import kinds, queries
from needs.hall.question import LEVELS, URGENCIES, Question, drop_nested
from needs.hall.words import find_items, list_bigrams
from needs.labels import URGENCY

api = APIBlueprint("hall", __name__)

SORTS = {
    "newest": ("最新发布", "newest first"),
    "most_urgent": ("最紧急", "most urgent first"),
    "longest_waiting": ("等待最久", "longest waiting first"),
    "nearest": ("离我最近", "nearest first"),
}
DISTANCES = {
    "township": ("同乡镇", "the same township"),
    "county": ("同县区", "the same county"),
    "city": ("同市", "the same city"),
    "province": ("同省", "the same province"),
}
MOST_DAYS = 3650
LISTED = "[a-z0-9.]+(,[a-z0-9.]+){0,9}"


class QuestionIn(HallIn):
    """Filters of the hall that its list and its counts share."""

    categories = Text(1100, pattern=LISTED, metadata={"description": "up to ten items or groups, with commas between them"})
    kind = Choice(KINDS)
    urgencies = Text(
        30, pattern="[a-z]+(,[a-z]+){0,2}", metadata={"description": "of `normal`, `urgent`, `critical`, with commas between them"}
    )
    open = Flag(
        in_address=True, load_default=False, metadata={"description": "only needs of which something is neither accepted nor proposed"}
    )
    q = Text(
        50,
        2,
        metadata={"description": "words of the item or the public story, Chinese or English; all of their pairs of characters must occur"},
    )

    @validates_schema
    def require_known_words(self, data: dict[str, Any], **_: Any) -> None:
        if not set(data.get("urgencies", "normal").split(",")) <= URGENCIES.keys():
            raise ValidationError("not_a_choice", "urgencies")
        if "q" in data and not list_bigrams(data["q"]):
            raise ValidationError(FieldCode("text_length"), "q")


class NeedHallIn(QuestionIn):
    """Filters and order of the list of needs."""

    max_age_days = Whole(1, MOST_DAYS, in_address=True, metadata={"description": "only needs that were posted within so many days"})
    min_age_days = Whole(1, MOST_DAYS, in_address=True, metadata={"description": "only needs that were posted so many days ago or earlier"})
    sort = Choice(SORTS, load_default="newest")
    near = Region(
        (2, 4, 6, 9, 12), metadata={"description": "the place that `nearest` and `distance` start from; a village counts as its township"}
    )
    distance = Choice(DISTANCES, metadata={"description": "only needs around `near`: in the same township, county, city or province"})

    @validates_schema
    def require_place(self, data: dict[str, Any], **_: Any) -> None:
        if "near" not in data and (data["sort"] == "nearest" or "distance" in data):
            raise ValidationError("required", "near")


class CountIn(QuestionIn):
    class Meta(Strict.Meta):
        exclude = ("cursor", "limit")


class CategoryCountOut(Schema):
    category = fields.String(required=True)
    needs = fields.Integer(required=True)


class UrgencyCountOut(Schema):
    urgency = Choice(URGENCY, required=True)
    needs = fields.Integer(required=True)


class RegionCountOut(Schema):
    region = fields.String(required=True)
    needs = fields.Integer(required=True)


class NeedCountsOut(Schema):
    """How many published needs a question has; it follows within seconds."""

    total = fields.Integer(required=True)
    is_exact = fields.Boolean(required=True, metadata={"description": "false: there are more than `total`, too many to count by words"})
    categories = fields.List(
        fields.Nested(CategoryCountOut), required=True, metadata={"description": "the groups, or what the one asked category contains"}
    )
    urgencies = fields.List(fields.Nested(UrgencyCountOut), required=True)
    regions = fields.List(
        fields.Nested(RegionCountOut),
        required=True,
        metadata={"description": "the regions below; a township in which fewer than five households have published needs is left out"},
    )


@api.get("/needs/counts")
@access(who=ANYONE, x_view="public", tagged=True)
@api.input(CountIn, location="query")
@api.output(NeedCountsOut)
def count_needs(session: Session, caller: Caller | None, query_data: dict[str, Any]) -> Any:
    """Count the published needs of a question, by category, urgency and region."""
    asked = read_question(query_data)
    within = asked.categories[0] if len(asked.categories) == 1 else ""
    return render_exact(msgspec.json.encode(queries.count_hall(session, asked, kinds.list_below(within))))


def read_question(data: dict[str, Any]) -> Question:
    """Make the question of checked parameters."""
    at, near = now(), data.get("near", "")[: LEVELS["township"]]
    region = data["region"]
    if "distance" in data:
        around = near[: LEVELS[data["distance"]]]
        region = around if around.startswith(region) else region
    wanted = [one for one in (data.get("category"), *data.get("categories", "").split(",")) if one]
    categories = drop_nested(wanted) or ("",)
    if "kind" in data:
        categories = kinds.narrow(categories, data["kind"])
    words = list_bigrams(data["q"]) if "q" in data else set()
    return Question(
        region=region,
        categories=categories,
        urgencies=tuple(sorted(URGENCIES[word] for word in {*data["urgencies"].split(",")})) if "urgencies" in data else (),
        only_open=data["open"],
        since=at - timedelta(days=data["max_age_days"]) if "max_age_days" in data else None,
        until=at - timedelta(days=data["min_age_days"]) if "min_age_days" in data else None,
        words=tuple(sorted(words)),
        items=kinds.within(find_items(data["q"]), categories) if words else (),
        sort=data.get("sort", "newest"),
        near=near,
    )
