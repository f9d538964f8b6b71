"""HTTP operations on the history of needs, and on villages that have fallen silent."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis.http.auth import HOUSEHOLD, STAFF, Caller
from chassis.http.fields import Choice, Region, Schema
from chassis.http.pagination import PageIn, page_of
from chassis.http.routes import access
from chassis.http.shown import note_shown
from needs.life import queries
from needs.life.model import Change
from needs.life.rules import actor_of
from needs.model import Need

api = APIBlueprint("life", __name__)

ACTS = {
    "posted": ("发布", "posted"),
    "published": ("审核通过", "published"),
    "confirmed": ("初审通过", "verified at the first step"),
    "returned": ("退回修改", "returned to its poster"),
    "review_reminded": ("审核提醒", "reviewers reminded"),
    "review_overdue": ("审核逾期", "review overdue"),
    "rejected": ("审核未通过", "rejected"),
    "withdrawn": ("撤回", "withdrawn"),
    "closed": ("结束", "closed"),
    "expired": ("到期", "expired"),
    "met": ("已满足", "met"),
    "reminded": ("到期提醒", "reminded before expiry"),
    "renewed": ("续期", "renewed"),
    "reopened": ("重新开放", "opened again"),
    "moved": ("随户迁移", "moved with its household"),
    "changed": ("修改", "changed"),
    "photo_added": ("添加照片", "a photo was added"),
    "photo_removed": ("删除照片", "a photo was removed"),
    "photo_shown": ("公开照片", "a photo was made public"),
    "photo_hidden": ("不再公开照片", "a photo was hidden from the public"),
}
ACTORS = {
    "household": ("本户", "the household"),
    "poster": ("代发布人", "the poster"),
    "administrator": ("管理员", "an administrator"),
    "system": ("系统", "the system"),
}


class ChangeOut(Schema):
    """A change of a need: the act, and the state, quantity and expiry after it."""

    version = fields.Integer(required=True)
    act = Choice(ACTS, required=True)
    state = fields.String(required=True)
    quantity = fields.Integer(required=True, metadata={"description": "0 while nobody has said how much"})
    reason = fields.String(required=True, allow_none=True)
    actor = Choice(ACTORS, required=True)
    expires_at = fields.AwareDateTime(required=True, allow_none=True)
    at = fields.AwareDateTime(required=True)


class HistoryOut(Schema):
    items = fields.List(fields.Nested(ChangeOut), required=True)


class SilentVillageOut(Schema):
    """A village with registered households in which nobody has posted for long."""

    id = fields.UUID(required=True)
    region = fields.String(required=True)
    last_posted_at = fields.AwareDateTime(required=True, allow_none=True)
    silent_since = fields.AwareDateTime(required=True)


class SilentIn(PageIn):
    region = Region((0, 2, 4, 6, 9, 12), load_default="")


@api.get("/needs/<uuid:need_id>/history")
@access(who=HOUSEHOLD | STAFF, x_view="own")
@api.output(HistoryOut)
def list_need_changes(session: Session, caller: Caller, need_id: UUID) -> Any:
    """List the changes of a need, the newest first: for its side, and administrators and auditors of its region."""
    need = queries.get_own_need(session, caller, need_id)
    note_shown(caller, "need", need.id, people=[need.account_id or need.household_id], region=need.region)
    return {"items": [_change_out(change, need) for change in queries.list_changes(session, need)]}


@api.get("/silent-villages")
@access(who=STAFF, x_view="region")
@api.input(SilentIn, location="query")
@api.output(page_of(SilentVillageOut))
def list_silent_villages(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List the villages of the caller's regions that have registered households and no new need for 60 days."""
    return queries.list_silent_villages(session, caller, **query_data)


def _change_out(change: Change, need: Need) -> dict[str, Any]:
    return {name: getattr(change, name) for name in ChangeOut.names() if name != "actor"} | {"actor": actor_of(change, need)}
