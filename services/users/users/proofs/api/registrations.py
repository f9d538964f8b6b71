"""HTTP operations of registering."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from sqlalchemy.orm import Session

from chassis.http.auth import ANYONE, Caller
from chassis.http.fields import Choice, Code, Name, Region, Strict
from chassis.http.routes import access
from users.codes.asking import asker
from users.fields import KINDS, Password, Phone
from users.proofs.actions import registrations as actions
from users.proofs.api.codes import CodeIn, CodeRequestedOut, answer_requested
from users.sessions.answers import IN_COOKIES, SessionOut, answer_signed_in, take_client

api = APIBlueprint("registrations", __name__)


class RegistrationIn(Strict):
    kind = Choice(KINDS, required=True, metadata={"description": "a household proves the phone that its village noted for it"})
    phone = Phone(required=True)
    name = Name(100, required=True)
    password = Password(metadata={"description": "a second way to sign in, beside codes; staff need 12 characters"})
    region = Region((0, 2, 4, 6, 9, 12), load_default="", metadata={"description": "place of living or work; may be empty"})
    campaign = Code(
        "[A-Za-z0-9_-]{1,40}",
        metadata={"description": "invitation code of a campaign: up to 40 letters, digits, `_` and `-`"},
    )


@api.post("/registrations")
@access(who=ANYONE, x_view="own", idempotent=False, slow=True)
@api.input(RegistrationIn)
@api.output(CodeRequestedOut, 202)
def request_registration(session: Session, caller: Caller | None, json_data: dict[str, Any]) -> Any:
    """Ask to register: a code is sent to the phone, and gives the account. Every phone is answered alike."""
    return answer_requested(actions.request_registration(session, asker(), json_data), "/v1/registrations")


@api.post("/registrations/<uuid:code_id>/proof")
@access(who=ANYONE, x_view="own", idempotent=False)
@api.input(CodeIn)
@api.output(SessionOut, 201)
@api.doc(responses=IN_COOKIES)
def prove_registration(session: Session, caller: Caller | None, code_id: UUID, json_data: dict[str, Any]) -> Any:
    """Prove the phone by the code, within five minutes and five tries. This makes the account and signs it in."""
    client = take_client(json_data)
    return answer_signed_in(actions.register(session, code_id, **json_data, client=client), client)
