"""HTTP operations on drafts of needs."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, cast
from uuid import UUID

from apiflask import APIBlueprint, HTTPError
from marshmallow import ValidationError, fields, missing
from sqlalchemy.orm import Session

from chassis.http.auth import HOUSEHOLD, STAFF, Caller
from chassis.http.fields import AllowedOperations, NothingIn, Schema, Strict
from chassis.http.pagination import PageIn, page_of
from chassis.http.routes import access
from chassis.http.shown import note_shown
from needs.api.needs import NeedIn, PostedNeedOut, answer_posted
from needs.drafts import actions, queries, rules
from needs.drafts.model import Draft

api = APIBlueprint("drafts", __name__)


def _unfinished(field: fields.Field[Any]) -> fields.Field[Any]:
    """Return a copy of a field of `NeedIn` that may be missing or null."""
    copy = deepcopy(field)
    copy.required, copy.allow_none, copy.load_default = False, True, missing
    return copy


_FIELDS = {name: _unfinished(field) for name, field in NeedIn._declared_fields.items() if name != "id"}
DraftIn = cast("type[Strict]", Strict.from_dict(dict(_FIELDS), name="DraftIn"))
DraftContentOut = cast("type[Schema]", Schema.from_dict(dict(_FIELDS), name="DraftContentOut"))


class DraftOut(Schema):
    """A draft of its author. `need` holds the fields so far; a posted draft has none, and names its need."""

    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    author_id = fields.UUID(required=True)
    need = fields.Nested(DraftContentOut, required=True)
    need_id = fields.UUID(required=True, allow_none=True)
    made_at = fields.AwareDateTime(required=True)
    changed_at = fields.AwareDateTime(required=True)
    expires_at = fields.AwareDateTime(required=True, metadata={"description": "when the draft is deleted, unless it is changed before"})
    allowed = AllowedOperations()


@api.post("/drafts")
@access(who=HOUSEHOLD | STAFF, x_view="own")
@api.input(DraftIn)
@api.output(DraftOut, 201)
def make_draft(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Save a need that is not finished. Only its author sees it, for 30 days after the last change."""
    draft = actions.make_draft(session, caller, json_data)
    return _drafts_out(session, [draft], caller)[0], 201, {"Location": f"/v1/drafts/{draft.id}"}


@api.get("/drafts")
@access(who=HOUSEHOLD | STAFF, x_view="own")
@api.input(PageIn, location="query")
@api.output(page_of(DraftOut))
def list_own_drafts(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List the caller's drafts, newest first."""
    page = queries.list_own_drafts(session, caller, **query_data)
    return page | {"items": _drafts_out(session, page["items"], caller)}


@api.get("/drafts/<uuid:draft_id>")
@access(who=HOUSEHOLD | STAFF, x_view="own")
@api.output(DraftOut)
def get_draft(session: Session, caller: Caller, draft_id: UUID) -> Any:
    """Get a draft of the caller."""
    return _drafts_out(session, [queries.get_own_draft(session, caller, draft_id)], caller)[0]


@api.patch("/drafts/<uuid:draft_id>")
@access(who=HOUSEHOLD | STAFF, x_view="own")
@api.input(DraftIn)
@api.output(DraftOut)
def change_draft(session: Session, caller: Caller, draft_id: UUID, json_data: dict[str, Any]) -> Any:
    """Replace fields of a draft; null takes a field out. A `quantity` of null says that it is not known."""
    return _drafts_out(session, [actions.change_draft(session, caller, draft_id, json_data)], caller)[0]


@api.delete("/drafts/<uuid:draft_id>")
@access(who=HOUSEHOLD | STAFF, x_view="own")
@api.output({}, 204)
def delete_draft(session: Session, caller: Caller, draft_id: UUID) -> Any:
    """Delete a draft of the caller."""
    _drafts_out(session, [actions.delete_draft(session, caller, draft_id)], caller)
    return "", 204


@api.post("/drafts/<uuid:draft_id>/posting")
@access(who=HOUSEHOLD | STAFF, x_view="own")
@api.input(NothingIn)
@api.output(PostedNeedOut, 201)
def post_draft(session: Session, caller: Caller, draft_id: UUID, json_data: dict[str, Any]) -> Any:
    """Post a draft as a need, once. It is judged as any post; afterwards the draft names its need."""
    return answer_posted(session, actions.post_draft(session, caller, draft_id, _read_need), caller)


def _read_need(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """Validate the fields of a draft as those of a post. Raises the problem of a body with these fields."""
    try:
        read: Mapping[str, Any] = NeedIn().load(content)
    except ValidationError as error:
        raise HTTPError(422, detail={"json": error.messages}) from None
    return read


def _drafts_out(session: Session, drafts: Sequence[Draft], caller: Caller) -> list[dict[str, Any]]:
    households = queries.find_households(session, drafts)
    for draft in drafts:
        if household := households.get(draft.household_id) if draft.household_id else None:
            note_shown(caller, "draft", draft.id, people=[household.account_id or household.id], region=household.region)
    return [_draft_out(draft) for draft in drafts]


def _draft_out(draft: Draft) -> dict[str, Any]:
    more = {"need": queries.read_content(draft), "allowed": rules.acts_on_draft(draft)}
    return {name: getattr(draft, name) for name in DraftOut.names() if name not in more} | more
