"""HTTP operations on one's own account, together with what other rooms know about it."""

from typing import Any

from apiflask import APIBlueprint
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis.http.auth import SIGNED_IN, Caller
from chassis.http.fields import Choice, Name, Region, Strict
from chassis.http.routes import access
from users.accounts import actions
from users.accounts.api import AccountOut, account_out
from users.accounts.queries import get_own_account
from users.households.queries import find_household_id
from users.personal import mask_email

api = APIBlueprint("profile", __name__)


SECOND_FACTOR = {
    "not_needed": ("无需动态验证码", "not needed"),
    "needed": ("需要动态验证码", "needed"),
    "given": ("已输入动态验证码", "given in this sign-in"),
}


class MeOut(AccountOut):
    household_id = fields.UUID(required=True, allow_none=True, metadata={"description": "the household whose account this is"})
    second_factor = Choice(
        SECOND_FACTOR,
        required=True,
        metadata={"description": "whether acts in these regions wait for a code of the second factor (`POST /v1/sessions/second-factor`)"},
    )
    phone_proven = fields.Boolean(required=True, metadata={"description": "false for an account of before codes, until its next sign-in"})
    email = fields.String(required=True, allow_none=True, metadata={"description": "the proven e-mail address, masked; null without one"})
    has_password = fields.Boolean(required=True)
    audited_regions = fields.List(fields.String(), required=True, metadata={"description": "audited now, each with all below it"})
    regions = fields.List(fields.String(), required=True, metadata={"description": "managed now, each with all below it"})


class ProfileIn(Strict):
    name = Name(100)
    region = Region((0, 2, 4, 6, 9, 12), metadata={"description": "place of living or work; may be empty"})


@api.get("/me")
@access(who=SIGNED_IN, x_view="own")
@api.output(MeOut)
def get_me(session: Session, caller: Caller) -> Any:
    """Get the caller's account and the regions they manage.

    `kind` and `regions` decide which operations they may call and where; each operation's `x-who` names its callers.
    Each object lists in `allowed` the operations that they may carry out on it now.
    """
    return me_out(session, caller)


@api.patch("/me")
@access(who=SIGNED_IN, x_view="own", second_factor=False)
@api.input(ProfileIn)
@api.output(MeOut)
def edit_me(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Change one's own name and region. A household's region stands in its village's register and is changed there."""
    actions.edit_own_account(session, caller, json_data)
    return me_out(session, caller)


def me_out(session: Session, caller: Caller) -> dict[str, Any]:
    """Return the caller's account with what other rooms know about it."""
    account = get_own_account(session, caller)
    return account_out(account) | {
        "household_id": find_household_id(session, account.id),
        "regions": caller.regions,
        "audited_regions": caller.audited_regions,
        "second_factor": _second_factor_of(caller),
        "phone_proven": account.proven_at is not None,
        "email": mask_email(account.email) if account.email else None,
        "has_password": account.password_hash is not None,
    }


def _second_factor_of(caller: Caller) -> str:
    return "given" if caller.gave_second_factor else "needed" if caller.needs_second_factor else "not_needed"
