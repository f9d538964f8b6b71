"""HTTP operations on the phone of an account."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from sqlalchemy.orm import Session

from chassis import problems
from chassis.http.auth import SIGNED_IN, STAFF, Caller
from chassis.http.fields import Choice, Id, Strict, Text
from chassis.http.routes import access
from chassis.problems import Problem
from users.accounts.api import AccountOut, account_out
from users.codes.asking import asker
from users.fields import PHONE_REASONS, Phone
from users.proofs.actions import phones as actions
from users.proofs.api.codes import CodeRequestedOut, answer_requested
from users.proofs.api.sign_ins import PhoneIn

api = APIBlueprint("phones", __name__)


class PhoneChangeIn(Strict):
    old_code = Text(6, least=6, pattern="[0-9]{6}", required=True, metadata={"description": "the digits that the present phone got"})
    new_code = Text(6, least=6, pattern="[0-9]{6}", required=True, metadata={"description": "the digits that the new phone got"})


class PhoneSettingIn(Strict):
    account_id = Id(required=True)
    phone = Phone(required=True)
    reason = Choice(PHONE_REASONS, required=True)


@api.post("/me/phone-changes")
@access(who=SIGNED_IN, x_view="own", second_factor=False, idempotent=False)
@api.input(PhoneIn)
@api.output(CodeRequestedOut, 202)
def request_phone_change(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Ask for another phone: one code is sent to the present phone, one to the new one."""
    return answer_requested(actions.request_phone_change(session, caller, asker(), json_data["phone"]), "/v1/me/phone-changes")


@api.post("/me/phone-changes/<uuid:code_id>/proof")
@access(who=SIGNED_IN, x_view="own", second_factor=False, idempotent=False)
@api.input(PhoneChangeIn)
@api.output(AccountOut, 201)
def change_phone(session: Session, caller: Caller, code_id: UUID, json_data: dict[str, Any]) -> Any:
    """Change one's phone by both codes, within five minutes and five tries."""
    outcome = actions.change_phone(session, caller, code_id, **json_data)
    return problems.answer(outcome) if isinstance(outcome, Problem) else (account_out(outcome), 201, {"Location": "/v1/me"})


@api.post("/accounts/phone-changes")
@access(who=STAFF, x_view="region", idempotent=False)
@api.input(PhoneSettingIn)
@api.output(AccountOut, 201)
def set_phone(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Give somebody in the caller's regions another phone, with a reason that the audit log keeps.

    Their sessions end. They prove the phone to sign in, and give their password first if they have one.
    """
    account = actions.set_phone(session, caller, **json_data)
    return account_out(account), 201, {"Location": f"/v1/accounts/{account.id}"}
