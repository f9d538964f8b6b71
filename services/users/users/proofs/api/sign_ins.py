"""HTTP operations of signing in by a code."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from sqlalchemy.orm import Session

from chassis.http.auth import ANYONE, Caller
from chassis.http.fields import Strict
from chassis.http.routes import access
from users.codes.asking import asker
from users.fields import Phone
from users.proofs.actions import sign_ins as actions
from users.proofs.api.codes import CodeIn, CodeRequestedOut, answer_requested
from users.sessions.answers import IN_COOKIES, SessionOut, answer_signed_in, take_client

api = APIBlueprint("sign_ins", __name__)


class PhoneIn(Strict):
    phone = Phone(required=True)


@api.post("/sessions/codes")
@access(who=ANYONE, x_view="own", idempotent=False)
@api.input(PhoneIn)
@api.output(CodeRequestedOut, 202)
def request_sign_in_code(session: Session, caller: Caller | None, json_data: dict[str, Any]) -> Any:
    """Ask for a code to sign in. Every phone is answered and counted alike; a code is sent only to one that has an account."""
    return answer_requested(actions.request_sign_in_code(session, asker(), json_data["phone"]), "/v1/sessions/codes")


@api.post("/sessions/codes/<uuid:code_id>/proof")
@access(who=ANYONE, x_view="own", idempotent=False)
@api.input(CodeIn)
@api.output(SessionOut, 201)
@api.doc(responses=IN_COOKIES)
def sign_in_by_code(session: Session, caller: Caller | None, code_id: UUID, json_data: dict[str, Any]) -> Any:
    """Sign in by the code, within five minutes and five tries. An account from before codes has proven its phone from now on.

    Unless its password was given first (`proof_needed`), that password is forgotten and its sessions end: somebody else may have chosen it.
    """
    client = take_client(json_data)
    return answer_signed_in(actions.sign_in_by_code(session, code_id, **json_data, client=client), client)
