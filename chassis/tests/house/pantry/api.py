"""HTTP API of the pantry."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from flask import request
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis.http.auth import ANYONE, GIVERS, SIGNED_IN, Caller
from chassis.http.fields import NothingIn, Schema, Strict, Text, Whole
from chassis.http.routes import access
from chassis.problems import not_found
from pantry import actions
from pantry.model import Withdrawal

api = APIBlueprint("pantry", __name__, url_prefix="/v1")


class WithdrawalIn(Strict):
    region = Text(12, pattern="[0-9]+", required=True)
    reason = Text(500)


class WithdrawalOut(Schema):
    id = fields.UUID(required=True)
    region = fields.String(required=True)
    reason = fields.String(required=True, allow_none=True)


class CountIn(Strict):
    quantity = Whole(1, 100, required=True)


class LetterIn(Strict):
    text = Text(300_000, required=True)


class NapIn(Strict):
    milliseconds = Whole(1, 10_000, required=True)
    times = Whole(1, 10, load_default=1)


@api.post("/withdrawals")
@access(who=SIGNED_IN, x_view="own")
@api.input(WithdrawalIn)
@api.output(WithdrawalOut, 201)
def withdraw(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Withdraw something."""
    withdrawal = actions.withdraw(session, caller, json_data)
    return withdrawal, 201, {"Location": f"/v1/withdrawals/{withdrawal.id}"}


@api.get("/withdrawals/<uuid:withdrawal_id>")
@access(who=SIGNED_IN, x_view="own")
@api.output(WithdrawalOut)
def get_withdrawal(session: Session, caller: Caller, withdrawal_id: UUID) -> Any:
    """Get one of the caller's own withdrawals."""
    withdrawal = session.get(Withdrawal, withdrawal_id)
    if withdrawal is None or withdrawal.asked_by != caller.id:
        raise not_found()
    return withdrawal


@api.post("/withdrawals/<uuid:withdrawal_id>/renewal")
@access(who=SIGNED_IN, x_view="own")
@api.input(NothingIn)
@api.output(WithdrawalOut, 201)
def renew(session: Session, caller: Caller, withdrawal_id: UUID, json_data: dict[str, Any]) -> Any:
    """Withdraw the same as before once more."""
    renewed = actions.withdraw(session, caller, {"region": session.get_one(Withdrawal, withdrawal_id).region})
    return renewed, 201, {"Location": f"/v1/withdrawals/{renewed.id}"}


@api.post("/breakages")
@access(who=SIGNED_IN, x_view="own")
@api.input(WithdrawalIn)
@api.output(WithdrawalOut, 201)
def break_something(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Withdraw something, and then break."""
    actions.withdraw(session, caller, json_data)
    raise actions.Spoilt(actions.PERSONAL)


@api.post("/counts")
@access(who=ANYONE, x_view="public")
@api.input(CountIn)
@api.output(CountIn)
def count(session: Session, caller: Caller | None, json_data: dict[str, Any]) -> Any:
    """Return a number."""
    return json_data


@api.post("/gifts")
@access(who=GIVERS, x_view="own", idempotent=False)
@api.input(CountIn)
@api.output(CountIn)
def give(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Return a number to a giver."""
    return json_data


@api.post("/letters")
@access(who=ANYONE, x_view="public", body_bytes=200_000)
@api.input(LetterIn)
@api.output(CountIn)
def write(session: Session, caller: Caller | None, json_data: dict[str, Any]) -> Any:
    """Count the characters of a letter, which may be long."""
    return {"quantity": len(json_data["text"])}


@api.post("/drawings")
@access(who=ANYONE, x_view="public", body_bytes=200_000, body_types={"image/png"})
@api.output(CountIn)
def draw(session: Session, caller: Caller | None) -> Any:
    """Count the bytes of a drawing."""
    return {"quantity": len(request.get_data())}


@api.post("/naps")
@access(who=ANYONE, x_view="public")
@api.input(NapIn)
@api.output(NapIn)
def nap(session: Session, caller: Caller | None, json_data: dict[str, Any]) -> Any:
    """Let the database sleep this many times."""
    actions.nap(session, **json_data)
    return json_data
