"""HTTP routes of the link between an account and WeChat."""

from typing import Any

from apiflask import APIBlueprint
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis.http.auth import SIGNED_IN, Caller
from chassis.http.fields import Code, Schema, Strict
from chassis.http.routes import access
from notify.messages import planning
from notify.wechat import actions as links
from notify.wechat.model import WechatLink
from notify.wechat.queries import get_own_link

api = APIBlueprint("linking", __name__)


class WechatLinkIn(Strict):
    code = Code("[A-Za-z0-9_-]{8,100}", required=True, metadata={"description": "what `wx.login()` gave the mini-program for its user"})


class WechatLinkOut(Schema):
    linked_at = fields.AwareDateTime(required=True, allow_none=True, metadata={"description": "null before, and without a link"})


@api.get("/wechat-link")
@access(who=SIGNED_IN, x_view="own")
@api.output(WechatLinkOut)
def get_wechat_link(session: Session, caller: Caller) -> Any:
    """Tell whether the caller's account is linked to WeChat."""
    return _shown(get_own_link(session, caller))


@api.post("/wechat-link")
@access(who=SIGNED_IN, x_view="own", second_factor=False, idempotent=False)
@api.input(WechatLinkIn)
@api.output(WechatLinkOut, 202)
def add_wechat_link(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Link the caller's account to the WeChat user whom the code stands for, within some seconds. It replaces an earlier link."""
    link = links.ask_for_link(session, caller, planning.plan_linking(session, caller.id), json_data["code"])
    return _shown(link), 202, {"Location": "/v1/wechat-link"}


@api.delete("/wechat-link")
@access(who=SIGNED_IN, x_view="own", second_factor=False)
@api.output({}, 204)
def remove_wechat_link(session: Session, caller: Caller) -> Any:
    """End the link: no notice goes to WeChat any more."""
    links.end_link(session, caller)
    return "", 204


def _shown(link: WechatLink | None) -> dict[str, Any]:
    return {"linked_at": link.linked_at if link else None}
