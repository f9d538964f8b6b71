"""HTTP routes of holds."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.http.auth import GIVERS, Caller
from chassis.http.fields import AllowedOperations, Choice, Id, NothingIn, Schema, Strict, Whole
from chassis.http.pagination import PageIn, page_of
from chassis.http.routes import access
from matching.holds import actions, queries, rules
from matching.holds.model import Hold

api = APIBlueprint("holds", __name__)

HOLD_STATES = {
    "open": ("保留中", "held"),
    "used": ("已认领", "claimed"),
    "released": ("已放弃", "given up"),
    "expired": ("已到期", "expired"),
}


class HoldIn(Strict):
    need_id = Id(required=True)
    quantity = Whole(1, 10**9, required=True, metadata={"description": "whole units of the need; nobody else gets them meanwhile"})


class HoldOut(Schema):
    """Units of a need, held for a giver who is choosing it."""

    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    need_id = fields.UUID(required=True)
    quantity = fields.Integer(required=True)
    state = Choice(HOLD_STATES, required=True)
    opened_at = fields.AwareDateTime(required=True)
    expires_at = fields.AwareDateTime(required=True)
    allowed = AllowedOperations()


HoldPage = page_of(HoldOut)


@api.post("/holds")
@access(who=GIVERS, x_view="own")
@api.input(HoldIn)
@api.output(HoldOut, 201)
def open_hold(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Hold units of a need for ten minutes. Another open hold of the caller ends; twenty may be opened within 24 hours."""
    return _answer(actions.open_hold(session, caller, **json_data), caller)


@api.get("/holds")
@access(who=GIVERS, x_view="own")
@api.input(PageIn, location="query")
@api.output(HoldPage)
def list_own_holds(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List the caller's holds, newest first."""
    page = queries.list_own_holds(session, caller, **query_data)
    return page | {"items": [_hold_out(hold, caller) for hold in page["items"]]}


@api.get("/holds/<uuid:hold_id>")
@access(who=GIVERS, x_view="own")
@api.output(HoldOut)
def get_hold(session: Session, caller: Caller, hold_id: UUID) -> Any:
    """Get a hold of the caller's own."""
    return _hold_out(queries.get_own_hold(session, caller, hold_id), caller)


@api.post("/holds/<uuid:hold_id>/release")
@access(who=GIVERS, x_view="own")
@api.input(NothingIn)
@api.output(HoldOut, 201)
def release_hold(session: Session, caller: Caller, hold_id: UUID, json_data: dict[str, Any]) -> Any:
    """Give the held units back before their time is over."""
    return _answer(actions.release_hold(session, caller, hold_id), caller)


def _answer(hold: Hold, caller: Caller) -> Any:
    return _hold_out(hold, caller), 201, {"Location": f"/v1/holds/{hold.id}"}


def _hold_out(hold: Hold, caller: Caller) -> dict[str, Any]:
    at = now()
    more = {"state": rules.state_of(hold, at), "allowed": rules.acts_on_hold(hold, caller.id, at)}
    return {name: getattr(hold, name) for name in HoldOut.names() if name not in more} | more
