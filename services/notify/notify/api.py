"""The HTTP routes of notify: list, count and read one's own notices."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis.http.auth import SIGNED_IN, Caller
from chassis.http.fields import AllowedOperations, Choice, Flag, Id, NothingIn, Schema, Strict
from chassis.http.pagination import PageIn, page_of
from chassis.http.routes import access
from chassis.problems import language
from contracts.notices import kinds
from notify import actions, queries
from notify.answers import api as answers
from notify.endpoints import api as endpoints
from notify.live import api as live
from notify.messages import api as messages
from notify.messages import linking, reporting
from notify.model import Notice
from notify.preferences import api as preferences
from notify.preferences import unsubscribing
from notify.subscriptions import api as subscriptions
from notify.templates import api as templates
from notify.templates.speaking import Speaker
from notify.work_list import api as work_list

api = APIBlueprint("notify", __name__, url_prefix="/v1")

for part in (live, messages, work_list, reporting, preferences, unsubscribing, answers, subscriptions, linking, endpoints, templates):
    api.register_blueprint(part.api)

KINDS = kinds()
SIDES = {
    "giver": ("帮扶方", "the giver"),
    "household": ("需求方", "the household's side"),
    "administrator": ("管理员", "the administrator"),
}


class NoticesIn(PageIn):
    unread = Flag(in_address=True, load_default=False, metadata={"description": "only unread notices"})


class NoticeOut(Schema):
    """A notice to the caller, in the words of the language they read."""

    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    kind = Choice(KINDS, required=True)
    side = Choice(SIDES, required=True, metadata={"description": "the side of the caller"})
    title = fields.String(required=True)
    text = fields.String(required=True)
    about = fields.UUID(
        required=True,
        metadata={"description": "id of its subject: the first word of `kind` names which; of an answer by SMS, `facts` name it"},
    )
    facts = fields.Dict(keys=fields.String(), required=True, metadata={"description": "figures and codes behind the text"})
    created_at = fields.AwareDateTime(required=True)
    read_at = fields.AwareDateTime(required=True, allow_none=True)
    allowed = AllowedOperations()


class UnreadOut(Schema):
    unread = fields.Integer(required=True)


class ReadingIn(Strict):
    until = Id(metadata={"description": "the newest notice to mark; by default all are marked"})


class ReadingOut(UnreadOut):
    read = fields.Integer(metadata={"description": "number of notices that became read; missing when an `Idempotency-Key` is sent again"})


@api.get("/notices")
@access(who=SIGNED_IN, x_view="own")
@api.input(NoticesIn, location="query")
@api.output(page_of(NoticeOut))
def list_notices(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List the caller's own notices, newest first."""
    page = queries.list_own_notices(session, caller, **query_data)
    speaker = Speaker.of(session, page["items"])
    return page | {"items": [_shown(notice, speaker) for notice in page["items"]]}


@api.get("/notices/unread-count")
@access(who=SIGNED_IN, x_view="own")
@api.output(UnreadOut)
def count_unread_notices(session: Session, caller: Caller) -> Any:
    """Count the caller's unread notices."""
    return {"unread": queries.count_unread(session, caller)}


@api.get("/notices/<uuid:notice_id>")
@access(who=SIGNED_IN, x_view="own")
@api.output(NoticeOut)
def get_notice(session: Session, caller: Caller, notice_id: UUID) -> Any:
    """Get a notice of the caller's own. Getting it does not mark it as read."""
    notice = queries.get_own_notice(session, caller, notice_id)
    return _shown(notice, Speaker.of(session, [notice]))


@api.post("/notices/<uuid:notice_id>/reading")
@access(who=SIGNED_IN, x_view="own", second_factor=False)
@api.input(NothingIn)
@api.output(NoticeOut, 201)
def read_notice(session: Session, caller: Caller, notice_id: UUID, json_data: dict[str, Any]) -> Any:
    """Mark a notice as read; a second time changes nothing."""
    notice = actions.read_notice(session, caller, notice_id)
    return _shown(notice, Speaker.of(session, [notice])), 201, {"Location": f"/v1/notices/{notice.id}"}


@api.post("/notices/reading")
@access(who=SIGNED_IN, x_view="own", second_factor=False)
@api.input(ReadingIn)
@api.output(ReadingOut, 201)
def read_notices(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Mark as read all the caller's notices up to one of them. With `until`, notices that arrived after it stay unread."""
    read = actions.read_notices(session, caller, **json_data)
    return {"read": read, "unread": queries.count_unread(session, caller)}, 201, {"Location": "/v1/notices/unread-count"}


def _shown(notice: Notice, speaker: Speaker) -> dict[str, Any]:
    # Everybody who sees a notice may mark it as read, also twice: `queries.get_own_notice` guards both.
    more = speaker.words_of(notice, language()) | {"allowed": ["read_notice"]}
    return more | {name: getattr(notice, name) for name in NoticeOut.names() if name not in more}
