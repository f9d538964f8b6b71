"""HTTP routes of messages: failures for those who run the house, the work list of a village."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis.http.auth import STAFF, Caller
from chassis.http.fields import AllowedOperations, Choice, Code, NothingIn, Schema, Strict
from chassis.http.pagination import PageIn, page_of
from chassis.http.routes import access
from chassis.http.shown import note_shown
from chassis.problems import language
from contracts.notices import kinds
from notify.messages import actions, queries
from notify.messages.queries import ListEntry
from notify.templates.speaking import Speaker

api = APIBlueprint("messages", __name__)
CHANNELS = {
    "push": ("浏览器推送", "web push"),
    "wechat": ("微信订阅消息", "WeChat subscription message"),
    "sms": ("短信", "SMS"),
    "email": ("电子邮件", "e-mail"),
    "work_list": ("村级工作清单", "the village work list"),
    "webhook": ("签名推送（Webhook）", "signed webhook"),
    "wecom": ("企业微信群机器人", "bot of a WeCom group"),
    "dingtalk": ("钉钉群机器人", "bot of a DingTalk group"),
    "feishu": ("飞书群机器人", "bot of a Feishu group"),
}
REASON = r"[A-Za-z0-9._:-]{1,100}"
FAILURES = {
    "temporary-failure": ("暂时失败", "failed after several tries"),
    "permanent-failure": ("此地址无法送达", "this address cannot be reached"),
    "technical-failure": ("平台或服务商故障", "fault at the platform or the provider"),
}


class FailuresIn(PageIn):
    channel = Choice(CHANNELS)
    state = Choice(FAILURES)
    reason = Code(REASON)


class MessageFailureOut(Schema):
    """A message that failed. Whom it was for, and where it was sent, is not shown."""

    id = fields.UUID(required=True)
    kind = fields.String(required=True, metadata={"description": "the kind of the notice, or `code_` and the purpose of a code"})
    channel = Choice(CHANNELS, required=True)
    provider = fields.String(required=True, allow_none=True)
    state = Choice(FAILURES, required=True)
    reason = fields.String(required=True, allow_none=True, metadata={"description": "the code of the provider, or ours"})
    attempts = fields.Integer(required=True)
    doubts = fields.Integer(required=True, metadata={"description": "attempts of which nobody can tell whether they reached the provider"})
    created_at = fields.AwareDateTime(required=True)
    settled_at = fields.AwareDateTime(required=True)


class FailureReasonOut(Schema):
    channel = Choice(CHANNELS, required=True)
    provider = fields.String(required=True, allow_none=True)
    state = Choice(FAILURES, required=True)
    reason = fields.String(required=True, allow_none=True)
    messages = fields.Integer(required=True)


class FailureReasonsOut(Schema):
    items = fields.List(fields.Nested(FailureReasonOut), required=True)


class ResendingIn(Strict):
    channel = Choice(CHANNELS, required=True)
    state = Choice(FAILURES)
    reason = Code(REASON, required=True)


class ResendingOut(Schema):
    resent = fields.Integer(required=True)


class MessageToTellOut(Schema):
    """Something that a household has to be told by somebody of its village."""

    id = fields.UUID(required=True)
    household_id = fields.UUID(required=True)
    region = fields.String(required=True)
    kind = Choice(kinds(), required=True)
    title = fields.String(required=True)
    text = fields.String(required=True, metadata={"description": "addressed to the household"})
    about = fields.UUID(required=True)
    created_at = fields.AwareDateTime(required=True)
    told_at = fields.AwareDateTime(required=True, allow_none=True)
    allowed = AllowedOperations()


@api.get("/messages/failures")
@access(who=STAFF, x_view="region")
@api.input(FailuresIn, location="query")
@api.output(page_of(MessageFailureOut))
def list_message_failures(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List messages that failed in the last week, newest first: for administrators of the whole country."""
    filters = {name: query_data.pop(name, None) for name in ("channel", "state", "reason")}
    return queries.list_failures(session, caller, filters, **query_data)


@api.get("/messages/failure-reasons")
@access(who=STAFF, x_view="region")
@api.output(FailureReasonsOut)
def count_message_failures(session: Session, caller: Caller) -> Any:
    """Count the failures of the last week by their reason: for administrators of the whole country."""
    return {"items": queries.count_reasons(session, caller)}


@api.post("/messages/resending")
@access(who=STAFF, x_view="region", idempotent=False)
@api.input(ResendingIn)
@api.output(ResendingOut, 201)
def resend_messages(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Send again what failed for one reason in the last week, once it is mended: for administrators of the whole country.

    Codes are not sent again, and neither is what reached its recipient another way.
    """
    return {"resent": actions.resend(session, caller, json_data)}, 201


@api.get("/work-list")
@access(who=STAFF, x_view="region")
@api.input(PageIn, location="query")
@api.output(page_of(MessageToTellOut))
def list_messages_to_tell(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List what households of the caller's regions have to be told, because neither app nor SMS reached them, newest first."""
    found = queries.list_work(session, caller, **query_data)
    return found | {"items": _shown(session, found["items"], caller)}


@api.get("/work-list/<uuid:message_id>")
@access(who=STAFF, x_view="region")
@api.output(MessageToTellOut)
def get_message_to_tell(session: Session, caller: Caller, message_id: UUID) -> Any:
    """Get one line of the work list."""
    return _shown(session, [queries.get_list_entry(session, caller, message_id)], caller)[0]


@api.post("/work-list/<uuid:message_id>/telling")
@access(who=STAFF, x_view="region")
@api.input(NothingIn)
@api.output(MessageToTellOut, 201)
def tell_household(session: Session, caller: Caller, message_id: UUID, json_data: dict[str, Any]) -> Any:
    """State that the household was told; a second time changes nothing."""
    entry = actions.tell(session, caller, message_id)
    return _shown(session, [entry], caller)[0], 201, {"Location": f"/v1/work-list/{message_id}"}


def _shown(session: Session, entries: list[ListEntry], caller: Caller) -> list[dict[str, Any]]:
    speaker = Speaker.of(session, [one.notice for one in entries])
    found = []
    for entry in entries:
        message, notice = entry.message, entry.notice
        assert message.region
        note_shown(caller, "message", message.id, people=[message.recipient_id], region=message.region)
        words: dict[str, Any] = {**speaker.words_of(notice, language())}
        is_open = message.settled_at is None and caller.manages(message.region)
        found.append(
            words
            | {
                "id": message.id,
                "household_id": message.recipient_id,
                "region": message.region,
                "kind": notice.kind,
                "about": notice.about,
                "created_at": message.created_at,
                "told_at": message.settled_at if message.state == "delivered" else None,
                "allowed": ["tell_household"] if is_open else [],
            }
        )
    return found
