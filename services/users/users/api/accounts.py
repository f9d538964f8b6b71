"""HTTP operations on accounts."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis.http.auth import ANYONE, SIGNED_IN, Caller
from chassis.http.fields import Choice, Code, Name, Region, Schema, Strict
from chassis.http.routes import access
from chassis.problems import not_found
from users import queries
from users.actions import accounts as actions
from users.fields import KINDS, Password, Phone
from users.model import Account
from users.personal import mask_phone

api = APIBlueprint("accounts", __name__)

REGISTERING_KINDS = {kind: labels for kind, labels in KINDS.items() if kind != "household"}


class AccountIn(Strict):
    kind = Choice(REGISTERING_KINDS, required=True, metadata={"description": "households are registered by their village"})
    phone = Phone(required=True)
    name = Name(100, required=True)
    password = Password(required=True)
    region = Region((0, 2, 4, 6, 9, 12), load_default="", metadata={"description": "place of living or work; may be empty"})
    campaign = Code(
        "[A-Za-z0-9_-]{1,40}",
        metadata={"description": "invitation code of a campaign: up to 40 letters, digits, `_` and `-`"},
    )


class AccountOut(Schema):
    """One's own account; the phone is masked."""

    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    kind = Choice(KINDS, required=True)
    name = fields.String(required=True)
    phone = fields.String(required=True)
    region = fields.String(required=True)
    campaign = fields.String(required=True, allow_none=True)
    registered_at = fields.AwareDateTime(required=True)


class MeOut(AccountOut):
    household_id = fields.UUID(required=True, allow_none=True, metadata={"description": "the household whose account this is"})
    regions = fields.List(fields.String(), required=True, metadata={"description": "managed now, each with all below it"})


@api.post("/accounts")
@access(who=ANYONE, x_view="own", idempotent=False)
@api.input(AccountIn)
@api.output(AccountOut, 201)
def register_account(session: Session, caller: Caller | None, json_data: dict[str, Any]) -> Any:
    """Register as a giver, or as staff who may be appointed later."""
    account = actions.register_account(session, json_data)
    return _account_out(account), 201, {"Location": f"/v1/accounts/{account.id}"}


@api.get("/accounts/<uuid:account_id>")
@access(who=SIGNED_IN, x_view="own")
@api.output(AccountOut)
def get_account(session: Session, caller: Caller, account_id: UUID) -> Any:
    """Get the caller's own account."""
    if account_id != caller.id:
        raise not_found()
    return _account_out(queries.get_own_account(session, caller))


@api.get("/me")
@access(who=SIGNED_IN, x_view="own")
@api.output(MeOut)
def get_me(session: Session, caller: Caller) -> Any:
    """Get the caller's account and the regions they manage.

    `kind` and `regions` decide which operations they may call and where; each operation's `x-who` names its callers.
    Each object lists in `allowed` the operations that they may carry out on it now.
    """
    account = queries.get_own_account(session, caller)
    return _account_out(account) | {"household_id": queries.find_household_id(session, account.id), "regions": caller.regions}


def _account_out(account: Account) -> dict[str, Any]:
    return {name: getattr(account, name) for name in AccountOut().fields} | {"phone": mask_phone(account.phone)}
