"""HTTP operations on needs."""

import json
from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

import msgspec
from apiflask import APIBlueprint
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.data.k_anonymity import public_region
from chassis.http.auth import ANYONE, HOUSEHOLD, STAFF, Caller
from chassis.http.fields import AllowedOperations, Category, Choice, Flag, FreshId, Id, NothingIn, Region, Schema, Strict, Text, Whole
from chassis.http.pagination import PageIn, page_of
from chassis.http.rendering import render_exact
from chassis.http.routes import access
from chassis.http.shown import note_shown
from needs import actions, queries
from needs.catalogue.labels import NUMBERS
from needs.duplicates.labels import LIKENESS
from needs.duplicates.queries import load_duplicates
from needs.filters import QUANTITY
from needs.guide.api import WarningOut
from needs.guide.queries import load_guide
from needs.guide.rules import find_warnings
from needs.hall.api import NeedHallIn, read_question
from needs.hall.queries import list_hall
from needs.hall.rows import HallPage
from needs.labels import URGENCY
from needs.model import Household, Need
from needs.photos.queries import count_photos
from needs.photos.rules import OPEN, photo_acts_on_need
from needs.reopening.actions import renew_need as renew
from needs.review.labels import RETURNS
from needs.review.rules import is_overdue
from needs.review.values import estimate_value
from needs.rules import WAITING, acts_on_need, view_of

api = APIBlueprint("needs", __name__)

CONSENT = {
    "sms": ("短信同意", "by SMS"),
    "sms_answer": ("短信答复同意", "by an answered SMS"),
    "slip": ("书面同意", "on a slip"),
    "slip_photo": ("书面同意（附照片）", "on a slip, with its photo"),
}
NEED_STATES = {
    "posted": ("待审核", "to be verified"),
    "confirmed": ("待县级复审", "to be verified by the county"),
    "returned": ("退回修改", "returned to its poster"),
    "published": ("已发布", "published"),
    "rejected": ("未通过", "rejected"),
    "withdrawn": ("已撤回", "withdrawn"),
    "closed": ("已结束", "closed"),
    "expired": ("已到期", "expired"),
    "met": ("已满足", "met"),
}
CONSENT_NOTE = (
    "how the household agreed; needed when posting on behalf. `sms_answer`: it is asked by SMS on its own telephone, and the need is"
    " verified once it agreed; 422 `consent_answer_needed` before"
)
STORY = "shown to everybody once the need is published: no names, telephones, numbers or addresses; 422 `story_identifies`"
CLOSINGS = {
    "met_elsewhere": ("已由他处解决", "met elsewhere"),
    "no_longer_needed": ("不再需要", "no longer needed"),
    "not_reachable": ("联系不上", "nobody could be reached"),
    "other": ("其他原因", "other reasons"),
}


class SpecificationIn(Strict):
    """A description of the thing that is needed. It is shown to givers, not matched."""

    size = Text(50)
    model = Text(50)
    standard = Text(100)
    dosage = Text(100)
    species = Text(50)
    age = Whole(*NUMBERS["age"], metadata={"description": "in years"})
    power = Whole(*NUMBERS["power"], metadata={"description": "in watts"})


class SpecificationOut(Schema):
    size = fields.String()
    model = fields.String()
    standard = fields.String()
    dosage = fields.String()
    species = fields.String()
    age = fields.Integer()
    power = fields.Integer()


class NeedIn(Strict):
    id = FreshId(
        metadata={
            "description": "made by the client, so that a need that is sent again after days is posted once: a UUID of version 7. "
            "What the caller posted under it is answered as it is now"
        }
    )
    household_id = Id(metadata={"description": "the household on whose behalf an administrator posts; households leave it out"})
    consent = Choice(CONSENT, metadata={"description": CONSENT_NOTE})
    category = Category(required=True)
    quantity = Whole(
        *QUANTITY,
        required=True,
        allow_none=True,
        metadata={"description": "in the unit of the catalogue; null when it is not known yet, until the verifier states it"},
    )
    urgency = Choice(URGENCY, load_default="normal")
    specification = fields.Nested(SpecificationIn, metadata={"description": "the fields that the catalogue lists for the item"})
    reason = Text(500, required=True, metadata={"description": "personal: visible to the household's side and its administrators only"})
    story = Text(500, metadata={"description": STORY})


class DuplicateOut(Schema):
    """Another need that looks like this one. What the caller may not read of it is null."""

    likeness = Choice(LIKENESS, required=True)
    need_id = fields.UUID(required=True, allow_none=True)
    state = Choice(NEED_STATES, required=True, allow_none=True)
    posted_at = fields.AwareDateTime(required=True, allow_none=True)


class NeedOut(Schema):
    """A need. If `shown` is `public`, personal fields are null and the region is its township.

    The region is its county where fewer than five households of the township have published needs.
    """

    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    shown = fields.String(required=True, metadata={"enum": ["public", "own", "region"]})
    state = Choice(NEED_STATES, required=True)
    region = fields.String(required=True)
    category = fields.String(required=True)
    unit = fields.String(required=True)
    quantity = fields.Integer(required=True, metadata={"description": "0 while `quantity_unknown`"})
    quantity_unknown = fields.Boolean(required=True, metadata={"description": "the verifier has to state how much"})
    accepted = fields.Integer(required=True, metadata={"description": "promised by accepted matches, less what did not arrive"})
    delivered = fields.Integer(required=True, metadata={"description": "of `accepted`, confirmed as received"})
    proposed = fields.Integer(required=True, metadata={"description": "set aside, waiting for an answer"})
    urgency = Choice(URGENCY, required=True)
    posted_at = fields.AwareDateTime(required=True)
    published_at = fields.AwareDateTime(required=True, allow_none=True)
    expires_at = fields.AwareDateTime(
        required=True, allow_none=True, metadata={"description": "when a published need ends by itself, unless its side renews it"}
    )
    ended_because = fields.String(required=True, allow_none=True)
    specification = fields.Nested(SpecificationOut, required=True, allow_none=True, metadata={"description": "what describes the thing"})
    charity = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "the registered charity that receives the money; null for what is no money"},
    )
    charity_id = fields.UUID(required=True, allow_none=True)
    household_id = fields.UUID(required=True, allow_none=True)
    poster_id = fields.UUID(required=True, allow_none=True)
    consent = Choice(CONSENT, required=True, allow_none=True, metadata={"description": "how the household agreed to a post on its behalf"})
    reason = fields.String(required=True, allow_none=True)
    story = fields.String(required=True, allow_none=True, metadata={"description": "the public story, approved by whoever verified"})
    due_at = fields.AwareDateTime(
        required=True, allow_none=True, metadata={"description": "end of the time to verify it; null unless it waits"}
    )
    overdue = fields.Boolean(required=True, metadata={"description": "waits longer than it should; shown in orange"})
    value = fields.Integer(required=True, allow_none=True, metadata={"description": "estimated, in fen; null where no price is known"})
    household_size = fields.Integer(required=True, allow_none=True, metadata={"description": "people, as known when it was posted"})
    usual_quantity = fields.Integer(
        required=True, allow_none=True, metadata={"description": "usual for a household of this size, beside `quantity` and `delivered`"}
    )
    confirmed_by = fields.UUID(required=True, allow_none=True, metadata={"description": "who verified it at the first of two steps"})
    returned_because = Choice(RETURNS, required=True, allow_none=True)
    return_note = fields.String(required=True, allow_none=True)
    duplicates = fields.List(
        fields.Nested(DuplicateOut), required=True, metadata={"description": "needs that look alike, newest first; a warning, no verdict"}
    )
    hidden = fields.Boolean(required=True, metadata={"description": "several people reported it; the hall hides it until it is cleared"})
    allowed = AllowedOperations()


class PostedNeedOut(NeedOut):
    """A need that was posted just now, with advice about it."""

    warnings = fields.List(fields.Nested(WarningOut), required=True)


class ClosingIn(Strict):
    reason = Choice(CLOSINGS, required=True)


class ManagedIn(PageIn):
    region = Region((0, 2, 4, 6, 9, 12), load_default="")
    state = Choice(NEED_STATES)
    hidden = Flag(in_address=True, metadata={"description": "only needs that are hidden because of reports, or only the others"})


NeedPage = page_of(NeedOut)
_OF_PEOPLE = frozenset({"household_id", "poster_id", "consent", "reason", "confirmed_by", "returned_because", "return_note"})
_OF_SIZE = frozenset({"household_size", "usual_quantity"})
PERSONAL = _OF_PEOPLE | _OF_SIZE
"""Fields of a need that the public does not see."""
MADE = _OF_SIZE | {"shown", "specification", "due_at", "overdue", "value", "quantity_unknown", "duplicates", "allowed"}
"""Fields that are computed from a need's columns."""
_WHOLE = tuple(name for name in NeedOut.names() if name not in MADE)
_PUBLIC = tuple(name for name in _WHOLE if name not in PERSONAL)


@api.post("/needs")
@access(who=HOUSEHOLD | STAFF, x_view="own")
@api.input(NeedIn)
@api.output(PostedNeedOut, 201)
def post_need(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Post a need, for the caller's own household or on behalf of one in the caller's region. It waits to be verified."""
    return answer_posted(session, actions.post_need(session, caller, json_data), caller)


@api.get("/needs")
@access(who=ANYONE, x_view="public", tagged=True)
@api.input(NeedHallIn, location="query")
@api.output(NeedPage)
def list_needs(session: Session, caller: Caller | None, query_data: dict[str, Any]) -> Any:
    """List the needs hall: published needs, masked. A page of a search by words may hold fewer needs than `limit` and go on.

    Several filters hold together. `count_needs` tells how many needs a question has.
    """
    paging = {name: query_data.pop(name) for name in ("cursor", "limit") if name in query_data}
    page, following = list_hall(session, read_question(query_data), **paging, with_sides=caller is not None)
    _allow_acts(session, caller, page)
    return render_exact(msgspec.json.encode({"items": page.items, "next": following}))


@api.get("/needs/mine")
@access(who=HOUSEHOLD | STAFF, x_view="own")
@api.input(PageIn, location="query")
@api.output(NeedPage)
def list_own_needs(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List the needs of the caller's household, and those that the caller posted on behalf of others."""
    return _page_out(session, queries.list_own_needs(session, caller, **query_data), caller)


@api.get("/needs/managed")
@access(who=STAFF, x_view="region")
@api.input(ManagedIn, location="query")
@api.output(NeedPage)
def list_managed_needs(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List the needs in the regions that the caller manages, in every state."""
    return _page_out(session, queries.list_managed_needs(session, caller, **query_data), caller)


@api.get("/needs/<uuid:need_id>")
@access(who=ANYONE, x_view="public")
@api.output(NeedOut)
def get_need(session: Session, caller: Caller | None, need_id: UUID) -> Any:
    """Get a need: whole for its own side and its administrators, masked for everybody else once it is published."""
    need = queries.get_need(session, caller, need_id)
    return needs_out(session, [need], caller)[0]


@api.post("/needs/<uuid:need_id>/withdrawal")
@access(who=HOUSEHOLD | STAFF, x_view="own")
@api.input(NothingIn)
@api.output(NeedOut, 201)
def withdraw_need(session: Session, caller: Caller, need_id: UUID, json_data: dict[str, Any]) -> Any:
    """Withdraw a need. Accepted matches stay."""
    return answer_need(session, actions.withdraw_need(session, caller, need_id), caller, 201)


@api.post("/needs/<uuid:need_id>/renewal")
@access(who=HOUSEHOLD | STAFF, x_view="own")
@api.input(NothingIn)
@api.output(NeedOut, 201)
def renew_need(session: Session, caller: Caller, need_id: UUID, json_data: dict[str, Any]) -> Any:
    """Renew a published need, which then expires a whole period later. The household's side is reminded a week before it expires.

    A need that expired within the last 30 days opens again, and keeps its verification. It is judged as a new post by the household, the
    item and the limits of now.
    """
    return answer_need(session, renew(session, caller, need_id), caller, 201)


@api.post("/needs/<uuid:need_id>/closing")
@access(who=STAFF, x_view="region")
@api.input(ClosingIn)
@api.output(NeedOut, 201)
def close_need(session: Session, caller: Caller, need_id: UUID, json_data: dict[str, Any]) -> Any:
    """Close a published need of the caller's region for a reason."""
    return answer_need(session, actions.close_need(session, caller, need_id, **json_data), caller, 201)


def answer_posted(session: Session, need: Need, caller: Caller) -> Any:
    """Answer with a need that was posted just now, and with warnings about it."""
    guide = load_guide(session, need.category, need.region, session.get(Household, need.household_id), need.id)
    whole, status, headers = answer_need(session, need, caller, 201)
    return whole | {"warnings": find_warnings(guide, need.quantity, is_posted=True)}, status, headers


def answer_need(session: Session, need: Need, caller: Caller, status: int) -> Any:
    """Answer an act on a need with the need as its caller sees it."""
    return needs_out(session, [need], caller)[0], status, {"Location": f"/v1/needs/{need.id}"}


def _page_out(session: Session, page: dict[str, Any], caller: Caller) -> dict[str, Any]:
    return page | {"items": needs_out(session, page["items"], caller)}


def _allow_acts(session: Session, caller: Caller | None, page: HallPage) -> None:
    """State with each need of the hall what its caller may do with it. The needs themselves stay masked for everybody."""
    sides: list[Any] = [*page.sides]
    photos = count_photos(session, [side.id for side in sides if view_of(caller, side) == "own"])
    for need, side in zip(page.items, sides, strict=caller is not None):
        need.allowed = [*acts_on_need(caller, side, {}), *photo_acts_on_need(caller, side, photos)]


def needs_out(session: Session, needs: Sequence[Need], caller: Caller | None) -> list[dict[str, Any]]:
    """Render needs as their caller may see them, and note for the audit log whose needs are shown whole."""
    managers = queries.find_township_managers(session, caller, needs)
    views = {need.id: view_of(caller, need) for need in needs}
    for need in needs:
        if views[need.id] != "public":
            note_shown(caller, "need", need.id, people=[need.account_id or need.household_id], region=need.region)
    townships = queries.find_townships(session, [need for need in needs if views[need.id] == "public"])
    alike = load_duplicates(session, caller, [need for need in needs if views[need.id] != "public"])
    photos = count_photos(session, [need.id for need in needs if view_of(caller, need) == "own" and need.state in OPEN["need"]])
    acts = {need.id: [*acts_on_need(caller, need, managers), *photo_acts_on_need(caller, need, photos)] for need in needs}
    return [_need_out(need, views[need.id], townships, acts[need.id], alike.get(need.id, [])) for need in needs]


def _need_out(need: Need, shown: str, townships: Collection[str], acts: list[str], alike: list[dict[str, Any]]) -> dict[str, Any]:
    more = {
        "shown": shown,
        "specification": json.loads(need.specification) if need.specification else None,
        "due_at": need.due_at if need.state in WAITING else None,
        "overdue": is_overdue(need, now()),
        "value": estimate_value(need),
        "quantity_unknown": need.quantity == 0,
        "household_size": (need.terms or {}).get("size"),
        "usual_quantity": (need.terms or {}).get("usual"),
        "duplicates": alike,
        "allowed": acts,
    }
    if shown == "public":
        more |= dict.fromkeys(PERSONAL) | {"region": public_region(need.region, townships)}
        return {name: getattr(need, name) for name in _PUBLIC} | more
    return {name: getattr(need, name) for name in _WHOLE} | more
