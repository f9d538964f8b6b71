"""HTTP routes of refusal rules: their pledgers read and withdraw them."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis.http.auth import GIVERS, Caller
from chassis.http.fields import AllowedOperations, Choice, Id, NothingIn, Schema
from chassis.http.pagination import PageIn, page_of
from chassis.http.routes import access
from chassis.problems import language
from matching.book.labels import REFUSALS
from matching.refusals import actions, queries
from matching.refusals.model import RefusalRule

api = APIBlueprint("lessons", __name__)

WORDS = {
    "too_far": {"zh-CN": "不再建议送往该{place}", "en": "not proposed to needs of that {place} again"},
    "does_not_fit": {"zh-CN": "不再建议用于这一类物品", "en": "not proposed for that item again"},
    "out_of_stock": {"zh-CN": "暂停对接，您修改或恢复意向后继续", "en": "paused until you change or resume the pledge"},
    "changed_my_mind": {"zh-CN": "暂停对接，您修改或恢复意向后继续", "en": "paused until you change or resume the pledge"},
}
PLACES = {"zh-CN": {6: "县", 9: "乡镇"}, "en": {6: "county", 9: "township"}}


class LessonsIn(PageIn):
    pledge_id = Id(metadata={"description": "only rules of this pledge"})


class LessonOut(Schema):
    """A rule for one pledge, from the refusal of a proposal. It holds until the pledger withdraws it or changes the pledge."""

    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    pledge_id = fields.UUID(required=True)
    match_id = fields.UUID(required=True, metadata={"description": "the match that was refused"})
    reason = Choice(REFUSALS, required=True)
    region = fields.String(required=True, allow_none=True, metadata={"description": "excluded region; null when the pledge is paused"})
    category = fields.String(required=True, metadata={"description": "excluded item; empty means any"})
    text = fields.String(required=True, metadata={"description": "the consequence, in the language of the caller"})
    learnt_at = fields.AwareDateTime(required=True)
    forgotten_at = fields.AwareDateTime(required=True, allow_none=True)
    allowed = AllowedOperations()


LessonPage = page_of(LessonOut)


@api.get("/lessons")
@access(who=GIVERS, x_view="own")
@api.input(LessonsIn, location="query")
@api.output(LessonPage)
def list_lessons(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List the rules that followed from the caller's refusals, withdrawn ones too."""
    found = queries.list_own_rules(session, caller, **query_data)
    return found | {"items": [_shown(rule) for rule in found["items"]]}


@api.get("/lessons/<uuid:lesson_id>")
@access(who=GIVERS, x_view="own")
@api.output(LessonOut)
def get_lesson(session: Session, caller: Caller, lesson_id: UUID) -> Any:
    """Get a rule that followed from a refusal by the caller."""
    return _shown(queries.get_own_rule(session, caller, lesson_id))


@api.post("/lessons/<uuid:lesson_id>/withdrawal")
@access(who=GIVERS, x_view="own")
@api.input(NothingIn)
@api.output(LessonOut, 201)
def forget_lesson(session: Session, caller: Caller, lesson_id: UUID, json_data: dict[str, Any]) -> Any:
    """Withdraw a rule: the pledge is matched as before. The refused pair is still not proposed again."""
    rule = actions.withdraw_rule(session, caller, lesson_id)
    return _shown(rule), 201, {"Location": f"/v1/lessons/{rule.id}"}


def _shown(rule: RefusalRule) -> dict[str, Any]:
    stated = {name: getattr(rule, name) for name in LessonOut.names() if name not in {"text", "allowed"}}
    place = PLACES[language()][len(rule.region)] if rule.region else ""
    allowed = ["forget_lesson"] if rule.forgotten_at is None else []
    return stated | {"text": WORDS[rule.reason][language()].format(place=place), "allowed": allowed}
