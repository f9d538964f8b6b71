"""HTTP operations on accounts."""

from typing import Any

from apiflask import APIBlueprint
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis.http.auth import ANYONE, Caller
from chassis.http.fields import Choice, Code, Name, Region, Schema, Strict
from chassis.http.routes import access
from users.accounts import actions
from users.accounts.model import Account
from users.fields import KINDS, Password, Phone
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


@api.post("/accounts")
@access(who=ANYONE, x_view="own", idempotent=False, slow=True)
@api.input(AccountIn)
@api.output(AccountOut, 201)
@api.doc(deprecated=True)
def register_account(session: Session, caller: Caller | None, json_data: dict[str, Any]) -> Any:
    """Register without proving the phone. Use `POST /v1/registrations`.

    The account has to prove its phone before the first sign-in, cannot be appointed, and ends when somebody else proves the phone.
    """
    account = actions.register_account(session, json_data)
    return account_out(account), 201, {"Location": f"/v1/accounts/{account.id}"}


def account_out(account: Account) -> dict[str, Any]:
    """Return an account with its phone masked."""
    return {name: getattr(account, name) for name in AccountOut.names()} | {"phone": mask_phone(account.phone)}
