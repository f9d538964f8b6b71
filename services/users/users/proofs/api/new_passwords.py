"""HTTP operations on passwords."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from flask import current_app
from marshmallow import ValidationError, validates_schema
from sqlalchemy.orm import Session

from chassis import problems
from chassis.data.database import Database
from chassis.http.auth import ANYONE, SIGNED_IN, Caller
from chassis.http.fields import Id, Strict, Text
from chassis.http.rate_limits import caller_address
from chassis.http.routes import access
from chassis.problems import Problem
from users.accounts.queries import get_own_account
from users.codes.asking import asker
from users.fields import Password
from users.profile.api import MeOut, me_out
from users.proofs.actions import new_passwords as actions
from users.proofs.api.codes import CodeIn, CodeRequestedOut, answer_requested
from users.proofs.api.sign_ins import PhoneIn
from users.sessions.answers import IN_COOKIES, SessionOut, answer_signed_in, take_client
from users.throttling.actions import Attempt, begin_attempt

api = APIBlueprint("new_passwords", __name__)


class PasswordResetIn(CodeIn):
    password = Password(required=True, metadata={"description": "the new one; staff need 12 characters"})


class PasswordChangeIn(Strict):
    password = Password(required=True, metadata={"description": "the new one; staff need 12 characters"})
    old_password = Password(least=1, metadata={"description": "the present one; without it, a code"})
    code_id = Id(metadata={"description": "a request for a code of `/v1/password-resets`, for the own phone"})
    code = Text(6, least=6, pattern="[0-9]{6}", metadata={"description": "the six digits that were sent"})

    @validates_schema
    def require_one_proof(self, data: dict[str, Any], **_: Any) -> None:
        """Take the old password, or a code with its id."""
        if ("code_id" in data) != ("code" in data):
            raise ValidationError("required", "code" if "code_id" in data else "code_id")
        if ("old_password" in data) == ("code_id" in data):
            raise ValidationError("wrong" if "code_id" in data else "required", "old_password")


@api.post("/password-resets")
@access(who=ANYONE, x_view="own", idempotent=False)
@api.input(PhoneIn)
@api.output(CodeRequestedOut, 202)
def request_password_reset(session: Session, caller: Caller | None, json_data: dict[str, Any]) -> Any:
    """Ask for a code to choose a new password. Every phone is answered and counted alike."""
    return answer_requested(actions.request_password_reset(session, asker(), json_data["phone"]), "/v1/password-resets")


@api.post("/password-resets/<uuid:code_id>/proof")
@access(who=ANYONE, x_view="own", idempotent=False, slow=True)
@api.input(PasswordResetIn)
@api.output(SessionOut, 201)
@api.doc(responses=IN_COOKIES)
def reset_password(session: Session, caller: Caller | None, code_id: UUID, json_data: dict[str, Any]) -> Any:
    """Choose a new password by the code and sign in. All other sessions end."""
    client = take_client(json_data)
    return answer_signed_in(actions.reset_password(session, code_id, **json_data, client=client), client)


@api.put("/me/password")
@access(who=SIGNED_IN, x_view="own", second_factor=False, slow=True)
@api.input(PasswordChangeIn)
@api.output(MeOut)
def change_password(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Set or change one's password, by the old one or by a code. All other sessions end."""
    attempt = _count_attempt(caller) if "old_password" in json_data else None
    problem = attempt if isinstance(attempt, Problem) else actions.change_password(session, caller, attempt, json_data)
    return problems.answer(problem) if problem else me_out(session, caller)


def _count_attempt(caller: Caller) -> Attempt | Problem:
    """Count a try of the old password as one of signing in, whatever becomes of the request."""
    database: Database = current_app.extensions["database"]
    with database.begin() as counting:
        return begin_attempt(counting, get_own_account(counting, caller).phone, caller_address())
