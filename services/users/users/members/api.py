"""HTTP operations on the members of households, and on who is the head."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis.http.auth import HOUSEHOLD, STAFF, Caller
from chassis.http.fields import AllowedOperations, Choice, Flag, Name, Schema, Strict, Text
from chassis.http.pagination import PageIn, page_of
from chassis.http.routes import access
from users.appointments.days import today
from users.fields import SEXES, BirthDay, NationalId
from users.households.answers import HouseholdOut, note_household
from users.households.api import NOTE, answer
from users.households.model import Household, Member
from users.members import actions, queries, rules
from users.personal import mask_name, mask_national_id

api = APIBlueprint("members", __name__)

RELATIONS = {
    "spouse": ("配偶", "spouse"),
    "child": ("子女", "child"),
    "child_in_law": ("子女的配偶", "child's spouse"),
    "grandchild": ("孙子女、外孙子女", "grandchild"),
    "parent": ("父母", "parent"),
    "parent_in_law": ("配偶的父母", "spouse's parent"),
    "grandparent": ("祖父母、外祖父母", "grandparent"),
    "sibling": ("兄弟姐妹", "sibling"),
    "other": ("其他", "other"),
}
GUARDIAN_CONSENT = {
    "slip": ("监护人书面同意", "on a slip"),
    "sms": ("监护人短信同意", "by SMS"),
    "spoken": ("监护人当面同意", "in person"),
}
LEAVING_REASONS = {
    "died": ("去世", "died"),
    "moved_away": ("迁出", "moved away"),
    "married": ("婚嫁", "married into another household"),
    "error": ("登记有误", "was entered by mistake"),
    "other": ("其他原因", "other reasons"),
}
ALL_LEAVING_REASONS = LEAVING_REASONS | {
    "became_head": ("成为户主", "became the head"),
    "split": ("分户", "a household was split off"),
    "transferred": ("已移交另一户", "was handed over to another household"),
}
HEAD_REASONS = {
    "died": ("原户主去世", "the head died"),
    "moved_away": ("原户主迁出", "the head moved away"),
    "agreed": ("家庭商定", "the household agreed on it"),
    "error": ("登记有误", "it was entered wrongly"),
    "other": ("其他原因", "other reasons"),
}
FORMER_HEADS = {"left": ("不再属于本户", "no longer belongs to it"), "stays": ("仍是家庭成员", "stays as a member")}


class _MemberFields(Strict):
    national_id = NationalId(metadata={"description": "says birth and sex; without it both may be stated"})
    born = BirthDay(allow_none=True, metadata={"description": "for somebody without a national id"})
    sex = Choice(SEXES, allow_none=True)
    student = Flag()
    patient = Flag(metadata={"description": "chronically or gravely ill"})
    disabled = Flag()
    labour = Flag(metadata={"description": "able to work"})
    guardian_consent = Choice(GUARDIAN_CONSENT, allow_none=True, metadata={"description": "how a minor's guardian agreed"})
    note = Text(200, metadata=NOTE)


class MemberIn(_MemberFields):
    name = Name(100, required=True)
    relation = Choice(RELATIONS, required=True, metadata={"description": "to the head"})


class MemberEditIn(_MemberFields):
    name = Name(100)
    relation = Choice(RELATIONS)


class LeavingIn(Strict):
    reason = Choice(LEAVING_REASONS, required=True)
    note = Text(200, metadata=NOTE)


class HeadIn(Strict):
    name = Name(100, required=True, metadata={"description": "of the new head"})
    national_id = NationalId(required=True, metadata={"description": "of the new head; a member with this number becomes the head"})
    reason = Choice(HEAD_REASONS, required=True)
    former_head = Choice(FORMER_HEADS, load_default="left")
    relation = Choice(RELATIONS, load_default="other", metadata={"description": "of the former head who stays, to the new one"})
    note = Text(200, metadata=NOTE)


class MemberOut(Schema):
    """A member of a household, whole or masked as the household is."""

    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    household_id = fields.UUID(required=True)
    name = fields.String(required=True)
    national_id = fields.String(required=True, allow_none=True)
    birth_year = fields.Integer(required=True, allow_none=True)
    minor = fields.Boolean(required=True)
    sex = Choice(SEXES, required=True, allow_none=True)
    relation = Choice(RELATIONS, required=True)
    student = fields.Boolean(required=True)
    patient = fields.Boolean(required=True)
    disabled = fields.Boolean(required=True)
    labour = fields.Boolean(required=True)
    guardian_consent = Choice(GUARDIAN_CONSENT, required=True, allow_none=True)
    added_at = fields.AwareDateTime(required=True)
    left_at = fields.AwareDateTime(required=True, allow_none=True)
    left_because = Choice(ALL_LEAVING_REASONS, required=True, allow_none=True)
    allowed = AllowedOperations()


class MembersIn(PageIn):
    left = Flag(in_address=True, load_default=False, metadata={"description": "true for those who left the household"})


MemberPage = page_of(MemberOut)


@api.post("/households/<uuid:household_id>/members")
@access(who=STAFF, x_view="region")
@api.input(MemberIn)
@api.output(MemberOut, 201)
def add_member(session: Session, caller: Caller, household_id: UUID, json_data: dict[str, Any]) -> Any:
    """Add a member to a household. A minor needs the guardian's consent."""
    return _answer(*actions.add_member(session, caller, household_id, json_data), caller)


@api.get("/households/<uuid:household_id>/members")
@access(who=HOUSEHOLD | STAFF, x_view="region")
@api.input(MembersIn, location="query")
@api.output(MemberPage)
def list_members(session: Session, caller: Caller, household_id: UUID, query_data: dict[str, Any]) -> Any:
    """List the members of a household besides its head, newest first."""
    page = queries.list_members(session, caller, household_id, **query_data)
    household = page.pop("household")
    note_household(household, caller)
    return page | {"items": [member_out(member, household, caller) for member in page["items"]]}


@api.post("/households/<uuid:household_id>/head")
@access(who=STAFF, x_view="region")
@api.input(HeadIn)
@api.output(HouseholdOut, 201)
def change_head(session: Session, caller: Caller, household_id: UUID, json_data: dict[str, Any]) -> Any:
    """Let somebody else be the head, such as a widow. The household stays the same one."""
    return answer(session, actions.change_head(session, caller, household_id, json_data), caller)


@api.get("/household-members/<uuid:member_id>")
@access(who=HOUSEHOLD | STAFF, x_view="region")
@api.output(MemberOut)
def get_member(session: Session, caller: Caller, member_id: UUID) -> Any:
    """Get a member of a household that the caller may see."""
    return member_out(*queries.get_member(session, caller, member_id), caller)


@api.patch("/household-members/<uuid:member_id>")
@access(who=STAFF, x_view="region")
@api.input(MemberEditIn)
@api.output(MemberOut)
def edit_member(session: Session, caller: Caller, member_id: UUID, json_data: dict[str, Any]) -> Any:
    """Correct or complete a member."""
    return member_out(*actions.edit_member(session, caller, member_id, json_data), caller)


@api.post("/household-members/<uuid:member_id>/leaving")
@access(who=STAFF, x_view="region")
@api.input(LeavingIn)
@api.output(MemberOut, 201)
def remove_member(session: Session, caller: Caller, member_id: UUID, json_data: dict[str, Any]) -> Any:
    """Note that somebody does not belong to the household any more, for a reason."""
    return _answer(*actions.remove_member(session, caller, member_id, json_data), caller)


def _answer(member: Member, household: Household, caller: Caller) -> Any:
    return member_out(member, household, caller), 201, {"Location": f"/v1/household-members/{member.id}"}


def member_out(member: Member, household: Household, caller: Caller, *, revealed: bool = False) -> dict[str, Any]:
    """Show a member as the household is shown to the caller, or whole when it is revealed."""
    is_whole = note_household(household, caller, revealed=revealed)
    number, born = member.national_id, rules.find_birth(member.national_id, member.born)
    made = {
        "name": member.name if is_whole else mask_name(member.name),
        "national_id": number if is_whole or not number else mask_national_id(number),
        "birth_year": born.year if born else None,
        "minor": rules.is_minor(born, today()),
        "sex": rules.find_sex(number, member.sex),
        "allowed": rules.acts_on_member(caller, household, member),
    }
    return {name: getattr(member, name) for name in MemberOut.names() if name not in made} | made
