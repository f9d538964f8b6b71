"""HTTP operations that move, split, merge and end households, and decide about those whom two places registered."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from marshmallow import fields, validate
from sqlalchemy.orm import Session

from chassis.http.auth import STAFF, Caller
from chassis.http.fields import AllowedOperations, Choice, Id, NothingIn, Region, Schema, Strict, Text
from chassis.http.pagination import PageIn, page_of
from chassis.http.routes import access
from users.fields import HOUSEHOLD_ENDINGS
from users.households.answers import HouseholdOut, note_household
from users.households.api import LARGEST, NOTE, answer
from users.households.model import Household, Transfer
from users.transfers import actions, queries, rules

api = APIBlueprint("transfers", __name__)

MOVE_REASONS = {
    "relocated": ("易地搬迁", "it was resettled"),
    "moved": ("自行迁居", "it moved"),
    "region_changed": ("区划调整", "the division changed"),
    "error": ("登记有误", "it was entered in the wrong village"),
}
STATES = {
    "waiting": ("待处理", "waiting for a decision"),
    "accepted": ("已移交", "handed over"),
    "refused": ("未同意", "refused"),
    "void": ("已失效", "void, because one of the households left the register"),
}


class MoveIn(Strict):
    to_region = Region((12,), required=True)
    reason = Choice(MOVE_REASONS, load_default="moved")
    note = Text(200, metadata=NOTE)


class EndIn(Strict):
    reason = Choice(HOUSEHOLD_ENDINGS, required=True)
    note = Text(200, metadata=NOTE)


class SplitIn(Strict):
    household_id = Id(required=True)
    head_id = Id(required=True, metadata={"description": "the member who is the head of the new household"})
    member_ids = fields.List(
        Id(),
        load_default=list,
        validate=validate.Length(max=LARGEST, error="out_of_range"),
        metadata={"description": "the other members who go along"},
    )
    address = Text(200, metadata={"description": "of the new household; by default that of the old one"})
    note = Text(200, metadata=NOTE)


class MergeIn(Strict):
    household_id = Id(required=True, metadata={"description": "the household that ends"})
    into_id = Id(required=True, metadata={"description": "the household of the same village that goes on"})
    note = Text(200, metadata=NOTE)


class TransferOut(Schema):
    """A request to hand somebody over whom another place registered."""

    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    state = Choice(STATES, required=True)
    household_id = fields.UUID(required=True, metadata={"description": "where the person stands"})
    member_id = fields.UUID(required=True, allow_none=True, metadata={"description": "the member who is asked for; null for the head"})
    region = fields.String(required=True, metadata={"description": "that was asked, and decides"})
    requested_at = fields.AwareDateTime(required=True)
    decided_by = fields.UUID(required=True, allow_none=True)
    decided_at = fields.AwareDateTime(required=True, allow_none=True)
    allowed = AllowedOperations()


class TransfersIn(PageIn):
    region = Region((0, 2, 4, 6, 9, 12), load_default="")
    state = Choice(STATES, load_default="waiting")


TransferPage = page_of(TransferOut)


@api.post("/households/<uuid:household_id>/move")
@access(who=STAFF, x_view="region")
@api.input(MoveIn)
@api.output(HouseholdOut, 201)
def move_household(session: Session, caller: Caller, household_id: UUID, json_data: dict[str, Any]) -> Any:
    """Move a household to another village, as an administrator of both. Its open needs go along; both villages are told."""
    return answer(session, actions.move_household(session, caller, household_id, json_data), caller)


@api.post("/households/<uuid:household_id>/end")
@access(who=STAFF, x_view="region")
@api.input(EndIn)
@api.output(HouseholdOut, 201)
def end_household(session: Session, caller: Caller, household_id: UUID, json_data: dict[str, Any]) -> Any:
    """Take a household out of the register for a reason. Its open needs are withdrawn."""
    return answer(session, actions.end_household(session, caller, household_id, json_data), caller)


@api.post("/households/splits")
@access(who=STAFF, x_view="region")
@api.input(SplitIn)
@api.output(HouseholdOut, 201)
def split_household(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Make a household of its own out of members of another; answer with the new one."""
    return answer(session, actions.split_household(session, caller, json_data), caller)


@api.post("/households/merges")
@access(who=STAFF, x_view="region")
@api.input(MergeIn)
@api.output(HouseholdOut, 201)
def merge_households(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Merge two households of one village; answer with the one that goes on. The needs of the other go over to it."""
    return answer(session, actions.merge_households(session, caller, json_data), caller)


@api.get("/household-transfers")
@access(who=STAFF, x_view="region")
@api.input(TransfersIn, location="query")
@api.output(TransferPage)
def list_household_transfers(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List the requests to hand over people who stand in the regions that the caller manages, by default those that wait."""
    page = queries.list_transfers(session, caller, **query_data)
    households = page.pop("households")
    return page | {"items": [_transfer_out(one, households[one.household_id], caller) for one in page["items"]]}


@api.get("/household-transfers/<uuid:transfer_id>")
@access(who=STAFF, x_view="region")
@api.output(TransferOut)
def get_household_transfer(session: Session, caller: Caller, transfer_id: UUID) -> Any:
    """Get a request to hand over somebody who stands in the regions that the caller manages."""
    return _transfer_out(*queries.get_transfer(session, caller, transfer_id), caller)


@api.post("/household-transfers/<uuid:transfer_id>/acceptance")
@access(who=STAFF, x_view="region")
@api.input(NothingIn)
@api.output(TransferOut, 201)
def accept_household_transfer(session: Session, caller: Caller, transfer_id: UUID, json_data: dict[str, Any]) -> Any:
    """Hand somebody over: the household moves to the village that registered it again, or the member leaves it."""
    return _answer(*actions.accept_transfer(session, caller, transfer_id), caller)


@api.post("/household-transfers/<uuid:transfer_id>/refusal")
@access(who=STAFF, x_view="region")
@api.input(NothingIn)
@api.output(TransferOut, 201)
def refuse_household_transfer(session: Session, caller: Caller, transfer_id: UUID, json_data: dict[str, Any]) -> Any:
    """Keep somebody where they stand: their new entry in the other village ends as not confirmed."""
    return _answer(*actions.refuse_transfer(session, caller, transfer_id), caller)


def _answer(transfer: Transfer, standing: Household, caller: Caller) -> Any:
    return _transfer_out(transfer, standing, caller), 201, {"Location": f"/v1/household-transfers/{transfer.id}"}


def _transfer_out(transfer: Transfer, standing: Household, caller: Caller) -> dict[str, Any]:
    note_household(standing, caller)
    made = {"allowed": rules.acts_on_transfer(caller, transfer)}
    return {name: getattr(transfer, name) for name in TransferOut.names() if name not in made} | made
