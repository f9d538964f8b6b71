"""HTTP operations that erase people."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis.http.auth import SIGNED_IN, STAFF, Caller
from chassis.http.fields import Choice, Schema, Strict
from chassis.http.routes import access
from chassis.http.shown import note_shown
from users.erasure import actions, queries
from users.erasure.model import Erasure
from users.erasure.rules import DONE_AFTER, PURPOSES, REASONS

api = APIBlueprint("erasure", __name__)

BY_PEOPLE = {name: PURPOSES[name] for name in ("no_longer_needed", "consent_withdrawn", "unlawful")}
BY_ADMINISTRATORS = {name: label for name, label in REASONS.items() if name not in {"asked_online", "by_rule"}}


class OwnErasureIn(Strict):
    purpose = Choice(BY_PEOPLE, required=True)


class HouseholdErasureIn(Strict):
    purpose = Choice(BY_PEOPLE, required=True)
    reason = Choice(BY_ADMINISTRATORS, required=True)


class ErasureOut(Schema):
    """An erasure. Nobody can read the data from `requested_at` on; their keys are erased, and other services forget, at `due_at`."""

    id = fields.UUID(required=True)
    account_id = fields.UUID(required=True, allow_none=True)
    household_id = fields.UUID(required=True, allow_none=True)
    purpose = Choice(PURPOSES, required=True)
    reason = Choice(REASONS, required=True)
    requested_at = fields.AwareDateTime(required=True)
    due_at = fields.AwareDateTime(required=True)
    erased_at = fields.AwareDateTime(required=True, allow_none=True)


@api.post("/me/erasure")
@access(who=SIGNED_IN, x_view="own", idempotent=False)
@api.input(OwnErasureIn)
@api.output(ErasureOut, 202)
def erase_me(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Erase the caller's account and its household for good. The sign-in must be at most ten minutes old.

    All sessions end. Refused while matches are under way (`matches_under_way`), or while the caller holds an office (`in_office`).
    """
    return _erasure_out(actions.erase_oneself(session, caller, json_data["purpose"]), caller), 202


@api.post("/households/<uuid:household_id>/erasure")
@access(who=STAFF, x_view="region")
@api.input(HouseholdErasureIn)
@api.output(ErasureOut, 202)
def erase_household(session: Session, caller: Caller, household_id: UUID, json_data: dict[str, Any]) -> Any:
    """Erase a household and its account for good, as an administrator of its region, because it asked for that."""
    erasure = actions.erase_household(session, caller, household_id, json_data)
    return _erasure_out(erasure, caller), 202, {"Location": f"/v1/households/{household_id}/erasure"}


@api.get("/households/<uuid:household_id>/erasure")
@access(who=STAFF, x_view="region")
@api.output(ErasureOut)
def get_household_erasure(session: Session, caller: Caller, household_id: UUID) -> Any:
    """Get the erasure of a household in the regions that the caller manages."""
    return _erasure_out(queries.get_household_erasure(session, caller, household_id), caller)


def _erasure_out(erasure: Erasure, caller: Caller) -> dict[str, Any]:
    note_shown(caller, "erasure", erasure.id, people=[erasure.id], region=erasure.region)
    return {name: getattr(erasure, name) for name in ErasureOut.names() if name != "due_at"} | {"due_at": erasure.requested_at + DONE_AFTER}
