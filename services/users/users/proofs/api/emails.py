"""HTTP operations on the e-mail address of an account."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from sqlalchemy.orm import Session

from chassis import problems
from chassis.http.auth import SIGNED_IN, Caller
from chassis.http.fields import Strict, Text
from chassis.http.routes import access
from chassis.problems import Problem
from users.codes.asking import asker
from users.fields import Email
from users.profile.api import MeOut, me_out
from users.proofs.actions import emails as actions
from users.proofs.api.codes import CodeRequestedOut, answer_requested

api = APIBlueprint("emails", __name__)


class EmailIn(Strict):
    email = Email(required=True)


class EmailProofIn(Strict):
    code = Text(6, least=6, pattern="[0-9]{6}", required=True, metadata={"description": "the six digits that were mailed"})


@api.post("/me/email-changes")
@access(who=SIGNED_IN, x_view="own", second_factor=False, idempotent=False)
@api.input(EmailIn)
@api.output(CodeRequestedOut, 202)
def request_email_change(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Ask for an e-mail address, or for another one: a code is mailed to it. The present address stays until the code is given back."""
    return answer_requested(actions.request_email_change(session, caller, asker(), json_data["email"]), "/v1/me/email-changes")


@api.post("/me/email-changes/<uuid:code_id>/proof")
@access(who=SIGNED_IN, x_view="own", second_factor=False, idempotent=False)
@api.input(EmailProofIn)
@api.output(MeOut, 201)
def change_email(session: Session, caller: Caller, code_id: UUID, json_data: dict[str, Any]) -> Any:
    """Prove the address by the code, within five minutes and five tries. Notices that leave the app may go there from now on."""
    outcome = actions.change_email(session, caller, code_id, **json_data)
    return problems.answer(outcome) if isinstance(outcome, Problem) else (me_out(session, caller), 201, {"Location": "/v1/me"})


@api.delete("/me/email")
@access(who=SIGNED_IN, x_view="own", second_factor=False)
@api.output({}, 204)
def remove_email(session: Session, caller: Caller) -> Any:
    """Remove the e-mail address: no mail goes there any more."""
    actions.remove_email(session, caller)
    return "", 204
