"""HTTP operations that show masked people whole, for a purpose and a reason, and list who looked."""

from collections.abc import Callable, Collection, Mapping
from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from marshmallow import fields, validate
from sqlalchemy.orm import Session

from chassis.http.auth import SIGNED_IN, STAFF, Caller
from chassis.http.fields import AllowedOperations, Choice, Strict, Text
from chassis.http.pagination import PageIn, page_of
from chassis.http.routes import access
from chassis.http.shown import note_shown
from users.accounts.api import AccountOut
from users.accounts.model import Account
from users.households.answers import PURPOSES, HouseholdOut, LookOut, VersionOut, household_out, version_out
from users.households.model import Household
from users.households.queries import list_versions
from users.members.api import MemberOut, member_out
from users.members.queries import list_members
from users.monitoring.api import HouseholdLabelOut, label_out
from users.monitoring.queries import list_labels_of
from users.personal import mask_name, mask_phone, national_phone
from users.reveals import actions, queries, rules
from users.self_reports.api import SelfReportOut, self_report_out
from users.self_reports.queries import get_self_report
from users.visits.api import VisitOut, visit_out
from users.visits.queries import list_visits

api = APIBlueprint("reveals", __name__)

SHOWN = {
    "own": ("本人", "one's own: the phone is masked"),
    "masked": ("已遮蔽", "masked"),
    "whole": ("完整", "whole"),
}
PARTS = {
    "members": ("家庭成员", "its members"),
    "labels": ("监测记录", "when it was monitored, with the notes"),
    "visits": ("走访与帮扶记录", "visits and the help given there, with the notes"),
    "versions": ("变更记录", "its changes, with the values before and after"),
}
_LISTED: Mapping[str, Callable[..., dict[str, Any]]] = {
    "members": list_members,
    "labels": list_labels_of,
    "visits": list_visits,
    "versions": list_versions,
}
MOST_OF_A_PART = 100
PARTS_SHOWN = {"description": f"on request; the newest {MOST_OF_A_PART} at most"}


class RevealIn(Strict):
    purpose = Choice(PURPOSES, required=True)
    reason = Text(200, least=2, required=True)


class HouseholdRevealIn(RevealIn):
    parts = fields.List(
        Choice(PARTS),
        load_default=list,
        validate=validate.Length(max=len(PARTS), error="out_of_range"),
        metadata={"description": "what is shown whole beside the household itself: as little as the purpose needs"},
    )


class RevealedHouseholdOut(HouseholdOut):
    """A household that is shown whole, with the parts of it that were asked for."""

    members = fields.List(fields.Nested(MemberOut), metadata=PARTS_SHOWN)
    labels = fields.List(fields.Nested(HouseholdLabelOut), metadata=PARTS_SHOWN)
    visits = fields.List(fields.Nested(VisitOut), metadata=PARTS_SHOWN)
    versions = fields.List(fields.Nested(VersionOut), metadata=PARTS_SHOWN)


class AccountViewOut(AccountOut):
    """An account, as the caller sees it: one's own, masked, or whole after a reveal. Others' campaign is left out."""

    shown = Choice(SHOWN, required=True)
    allowed = AllowedOperations()


LookPage = page_of(LookOut)


@api.post("/households/<uuid:household_id>/reveal")
@access(who=STAFF, x_view="region", idempotent=False)
@api.input(HouseholdRevealIn)
@api.output(RevealedHouseholdOut, 201)
def reveal_household(session: Session, caller: Caller, household_id: UUID, json_data: dict[str, Any]) -> Any:
    """Show a household whole to an administrator above its village, for a purpose and a reason. Both are recorded, and the parts shown."""
    household = actions.reveal_household(session, caller, household_id, json_data)
    shown = household_out(session, household, caller, revealed=True)
    shown |= {part: _show_part(session, caller, household, part) for part in json_data["parts"]}
    return shown, 201, {"Location": f"/v1/households/{household.id}/reveals"}


@api.get("/accounts/<uuid:account_id>")
@access(who=SIGNED_IN, x_view="region")
@api.output(AccountViewOut)
def get_account(session: Session, caller: Caller, account_id: UUID) -> Any:
    """Get the caller's own account, or masked one of the caller's regions: it lives or works there, holds an office or helps."""
    return _account_out(*queries.get_account(session, caller, account_id), caller)


@api.post("/accounts/<uuid:account_id>/reveal")
@access(who=STAFF, x_view="region", idempotent=False)
@api.input(RevealIn)
@api.output(AccountViewOut, 201)
def reveal_account(session: Session, caller: Caller, account_id: UUID, json_data: dict[str, Any]) -> Any:
    """Show name and phone of an account to an administrator of its region, for a purpose and a reason. Both are recorded."""
    account, regions = actions.reveal_account(session, caller, account_id, json_data)
    return _account_out(account, regions, caller, revealed=True), 201, {"Location": f"/v1/accounts/{account.id}/reveals"}


@api.get("/accounts/<uuid:account_id>/reveals")
@access(who=SIGNED_IN, x_view="region")
@api.input(PageIn, location="query")
@api.output(LookPage)
def list_account_reveals(session: Session, caller: Caller, account_id: UUID, query_data: dict[str, Any]) -> Any:
    """List who looked at the masked data of an account, for which purpose and why, newest first."""
    account, regions = queries.get_account(session, caller, account_id)
    note_shown(caller, "account", account.id, people=[account.id], region=rules.region_of_look(caller, regions))
    return queries.list_looks(session, account.id, **query_data)


@api.post("/self-reports/<uuid:report_id>/reveal")
@access(who=STAFF, x_view="region", idempotent=False)
@api.input(RevealIn)
@api.output(SelfReportOut, 201)
def reveal_self_report(session: Session, caller: Caller, report_id: UUID, json_data: dict[str, Any]) -> Any:
    """Show a self-report whole to an administrator above its village, for a purpose and a reason. Both are recorded."""
    report = actions.reveal_self_report(session, caller, report_id, json_data)
    return self_report_out(report, caller, revealed=True), 201, {"Location": f"/v1/self-reports/{report.id}/reveals"}


@api.get("/self-reports/<uuid:report_id>/reveals")
@access(who=STAFF, x_view="region")
@api.input(PageIn, location="query")
@api.output(LookPage)
def list_self_report_reveals(session: Session, caller: Caller, report_id: UUID, query_data: dict[str, Any]) -> Any:
    """List who looked at the masked data of a self-report, for which purpose and why, newest first."""
    report = get_self_report(session, caller, report_id)
    note_shown(caller, "self_report", report.id, people=[report.id], region=report.region)
    return queries.list_looks(session, report.id, **query_data)


def _show_part(session: Session, caller: Caller, household: Household, part: str) -> list[dict[str, Any]]:
    """Show the newest rows of a part of a household whole."""
    rows = _LISTED[part](session, caller, household.id, limit=MOST_OF_A_PART)["items"]
    match part:
        case "members":
            return [member_out(row, household, caller, revealed=True) for row in rows]
        case "labels":
            return [label_out(row, household, caller, revealed=True) for row in rows]
        case "visits":
            return [visit_out(row, is_whole=True) for row in rows]
        case _:
            return [version_out(row, is_whole=True) for row in rows]


def _account_out(account: Account, regions: Collection[str], caller: Caller, *, revealed: bool = False) -> dict[str, Any]:
    is_own = account.id == caller.id
    region = rules.region_of_look(caller, regions)
    note_shown(caller, "account", account.id, people=[account.id], region=region, masked=not revealed)
    made = {
        "shown": "own" if is_own else "whole" if revealed else "masked",
        "name": account.name if is_own or revealed else mask_name(account.name),
        "phone": national_phone(account.phone) if revealed else mask_phone(account.phone),
        "campaign": account.campaign if is_own else None,
        "allowed": rules.acts_on_account(caller, account, regions),
    }
    return {name: getattr(account, name) for name in AccountViewOut.names() if name not in made} | made
