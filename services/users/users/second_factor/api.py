"""HTTP operations on second factors."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from marshmallow import ValidationError, fields, validates_schema
from sqlalchemy.orm import Session

from chassis import problems
from chassis.http.auth import STAFF, Caller
from chassis.http.fields import Choice, Code, NothingIn, Schema, Strict
from chassis.http.routes import access
from chassis.problems import Problem
from users.second_factor import actions, queries
from users.second_factor.actions import Given
from users.sessions.answers import answer_token

api = APIBlueprint("second_factor", __name__)

STATES = {"none": ("未设置", "not set up"), "offered": ("待确认", "waiting for its first code"), "confirmed": ("已启用", "in use")}
REMOVAL_REASONS = {
    "lost": ("设备遗失或损坏", "the device is lost or broken"),
    "replaced": ("更换设备", "the device was replaced"),
    "misuse": ("怀疑被他人使用", "somebody else may use it"),
}
SECRETS = {"Cache-Control": "no-store"}


class CodeIn(Strict):
    code = Code("[0-9]{6}", required=True, metadata={"description": "the six digits that the authenticator app shows", "example": "123456"})


class SecondFactorIn(Strict):
    code = Code("[0-9]{6}", metadata={"description": "the six digits that the authenticator app shows", "example": "123456"})
    recovery_code = Code("[A-Za-z2-7]{24}", "-", metadata={"description": "instead of a code, one of the recovery codes; each counts once"})

    @validates_schema
    def require_one_code(self, data: dict[str, Any], **_: Any) -> None:
        if ("code" in data) == ("recovery_code" in data):
            raise ValidationError("wrong" if "code" in data else "required", "code")


class SecondFactorRemovalIn(Strict):
    reason = Choice(REMOVAL_REASONS, required=True)


class SecondFactorOut(Schema):
    state = Choice(STATES, required=True)
    confirmed_at = fields.AwareDateTime(required=True, allow_none=True)
    recovery_codes_left = fields.Integer(required=True)
    is_given = fields.Boolean(required=True, metadata={"description": "whether it was given in the sign-in of this token"})
    is_needed = fields.Boolean(required=True, metadata={"description": "whether acts in the caller's regions wait for it"})


class SecondFactorOfferOut(Schema):
    """A secret for an authenticator app. It is shown once."""

    secret = fields.String(required=True, metadata={"description": "in base 32, to type in"})
    otpauth_uri = fields.String(required=True, metadata={"description": "the same as an address, for a QR code"})


class RecoveryCodesOut(Schema):
    """Ten recovery codes. They are shown once; earlier ones no longer count."""

    recovery_codes = fields.List(fields.String(), required=True)


class AccessTokenOut(Schema):
    """An access token with the second factor; that of a page is in its cookie instead. Tokens refreshed in this session have it too."""

    access_token = fields.String()
    token_type = fields.String(metadata={"enum": ["Bearer"]})
    expires_in = fields.Integer(metadata={"description": "seconds until the access token ends"})


class ConfirmedSecondFactorOut(AccessTokenOut):
    """An access token with the second factor, and ten recovery codes, which are shown once."""

    recovery_codes = fields.List(fields.String(), required=True)


@api.get("/me/second-factor")
@access(who=STAFF, x_view="own")
@api.output(SecondFactorOut)
def get_second_factor(session: Session, caller: Caller) -> Any:
    """Get the state of the caller's second factor."""
    return queries.describe_second_factor(session, caller)


@api.post("/me/second-factor")
@access(who=STAFF, x_view="own", idempotent=False, second_factor=False)
@api.input(NothingIn)
@api.output(SecondFactorOfferOut, 201)
def offer_second_factor(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Make a secret for an authenticator app. It counts once a code of it is given; an earlier one counts until then."""
    return actions.offer_second_factor(session, caller), 201, SECRETS


@api.post("/me/second-factor/confirmation")
@access(who=STAFF, x_view="own", idempotent=False, second_factor=False)
@api.input(CodeIn)
@api.output(ConfirmedSecondFactorOut, 201)
def confirm_second_factor(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Give a first code of the new secret. The answer has ten recovery codes, and a token with the second factor."""
    return _tokens(caller, actions.confirm_second_factor(session, caller, json_data["code"]))


@api.post("/me/second-factor/recovery-codes")
@access(who=STAFF, x_view="own", idempotent=False, second_factor=False)
@api.input(NothingIn)
@api.output(RecoveryCodesOut, 201)
def renew_recovery_codes(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Replace the recovery codes by ten new ones, in a sign-in with the second factor."""
    return {"recovery_codes": actions.renew_recovery_codes(session, caller)}, 201, SECRETS


@api.post("/sessions/second-factor")
@access(who=STAFF, x_view="own", idempotent=False, second_factor=False)
@api.input(SecondFactorIn)
@api.output(AccessTokenOut, 201)
def give_second_factor(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Give a code of the second factor in this sign-in. After five wrong ones in a row the next has to wait, each time longer."""
    return _tokens(caller, actions.give_second_factor(session, caller, json_data.get("code"), json_data.get("recovery_code")))


@api.post("/accounts/<uuid:account_id>/second-factor/removal")
@access(who=STAFF, x_view="region", idempotent=False)
@api.input(SecondFactorRemovalIn)
@api.output({}, 204)
def remove_second_factor(session: Session, caller: Caller, account_id: UUID, json_data: dict[str, Any]) -> Any:
    """Remove the second factor of an administrator, as one of a wider region. After a misuse their sessions end too."""
    actions.remove_second_factor(session, caller, account_id, json_data["reason"])
    return ""


def _tokens(caller: Caller, outcome: Given | Problem) -> Any:
    if isinstance(outcome, Problem):
        return problems.answer(outcome)
    more = {"recovery_codes": outcome.recovery_codes} if outcome.recovery_codes else {}
    return answer_token(caller.id, caller.kind, outcome.sign_in, more)
