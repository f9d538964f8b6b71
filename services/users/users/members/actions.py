"""Adding members, correcting them, letting them leave, changing the head. Each act is a version of the household."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.data.database import new_id, now
from chassis.data.encryption import fingerprint
from chassis.http import versions as preconditions
from chassis.http.auth import Caller
from chassis.problems import not_found
from users.appointments.days import today
from users.households import claims
from users.households.actions import lock_for_act, set_number
from users.households.model import Household, Member
from users.households.queries import lock_households
from users.households.rules import size_without
from users.households.versions import Why, add_version, values_of
from users.members import queries, rules
from users.unique import insert_unique

OF_MEMBER = (
    "name", "national_id", "born", "sex", "relation", "student", "patient", "disabled", "labour", "guardian_consent",
)  # fmt: skip


def add_member(session: Session, caller: Caller, household_id: UUID, wanted: Mapping[str, Any]) -> tuple[Member, Household]:
    """Add somebody to a household. Raises `household_registered` for a number of the caller's regions, `guardian_consent_needed`."""
    household = lock_for_act(session, caller, household_id, "add_member")
    stated = {name: wanted.get(name) for name in OF_MEMBER}
    if problem := rules.find_consent_problem(stated, today()):
        raise problem
    member = Member(id=new_id(), version=1, household_id=household.id, added_by=caller.id, added_at=now(), **_numbered(stated))
    if member.national_id_fingerprint:
        claims.require_free_number(session, caller, member.national_id_fingerprint)
    session.add(member)
    session.flush()
    _note(session, caller, household, "add_member", member, {}, Why.of(wanted))
    if member.national_id_fingerprint:
        claims.request_transfers(session, caller, household, member.national_id_fingerprint)
    return member, household


def edit_member(session: Session, caller: Caller, member_id: UUID, wanted: Mapping[str, Any]) -> tuple[Member, Household]:
    """Correct a member. Values that are the same change nothing."""
    member, household = _lock_member(session, caller, member_id)
    before = {name: getattr(member, name) for name in OF_MEMBER}
    stated = before | {name: wanted[name] for name in OF_MEMBER if name in wanted}
    if stated == before:
        return member, household
    if problem := rules.find_consent_problem(stated, today()):
        raise problem
    is_renumbered, columns = stated["national_id"] != before["national_id"], _numbered(stated)
    if is_renumbered and (key := columns["national_id_fingerprint"]):
        # Looked for before the member has it: the query writes what is pending.
        claims.require_free_number(session, caller, key)
    for name, value in columns.items():
        setattr(member, name, value)
    member.version += 1
    session.flush()
    _note(session, caller, household, "edit_member", member, before, Why.of(wanted))
    if is_renumbered and member.national_id_fingerprint:
        claims.request_transfers(session, caller, household, member.national_id_fingerprint)
    return member, household


def remove_member(session: Session, caller: Caller, member_id: UUID, wanted: Mapping[str, Any]) -> tuple[Member, Household]:
    """Note that a member left the household, for a reason."""
    member, household = _lock_member(session, caller, member_id)
    leave(session, caller.id, household, [member], "remove_member", Why.of(wanted))
    return member, household


def leave(session: Session, by: UUID | None, household: Household, members: Sequence[Member], act: str, why: Why) -> None:
    """Let members leave a locked household, as one version of it. Its stated size no longer counts them."""
    before = values_of(household)
    for member in members:
        member.left_at, member.left_because = now(), why.reason
        member.version += 1
    household.size = size_without(household.size, len(members))
    session.flush()
    more = {f"member {member.id}": (_shown(member), None) for member in members}
    add_version(session, household, act, by, before=before, why=why, more=more)


def change_head(session: Session, caller: Caller, household_id: UUID, wanted: Mapping[str, Any]) -> Household:
    """Let somebody else be the head of a household, a member or not. The head of before leaves, or stays as a member.

    The household keeps its id, its account, its needs and its versions. Raises `household_registered` for a number of another household.
    """
    household = lock_for_act(session, caller, household_id, "change_head")
    before, key = values_of(household), fingerprint(wanted["national_id"])
    if key == household.national_id_fingerprint:
        household.name = wanted["name"]
        add_version(session, household, "change_head", caller.id, before=before, why=Why.of(wanted))
        return household
    more: dict[str, tuple[Any, Any]] = {}
    following = next((one for one in queries.list_standing_members(session, household.id) if one.national_id_fingerprint == key), None)
    if following:
        following.left_at, following.left_because = now(), "became_head"
        following.version += 1
        session.flush()
        more[f"member {following.id}"] = (_shown(following), None)
    former = {"name": household.name, "national_id": household.national_id}
    set_number(session, caller, household, wanted["national_id"])
    household.name = wanted["name"]
    insert_unique(session, household)
    if wanted["former_head"] == "stays":
        stated = dict.fromkeys(OF_MEMBER) | former | {"relation": wanted["relation"]}
        staying = Member(id=new_id(), version=1, household_id=household.id, added_by=caller.id, added_at=now(), **_numbered(stated))
        session.add(staying)
        session.flush()
        more[f"member {staying.id}"] = (None, _shown(staying))
    elif following:
        household.size = size_without(household.size, 1)
    add_version(session, household, "change_head", caller.id, before=before, why=Why.of(wanted), more=more)
    claims.request_transfers(session, caller, household, key)
    return household


def _numbered(stated: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of a member: a national id says birth and sex, so neither is kept beside it; flags default to False."""
    number = stated["national_id"]
    columns = dict(stated) | {name: bool(stated[name]) for name in ("student", "patient", "disabled", "labour")}
    columns["national_id_fingerprint"] = fingerprint(number) if number else None
    return columns | ({"born": None, "sex": None} if number else {})


def _note(session: Session, caller: Caller, household: Household, act: str, member: Member, before: Mapping[str, Any], why: Why) -> None:
    more = {f"member {member.id}": (dict(before) or None, _shown(member))}
    add_version(session, household, act, caller.id, before=values_of(household), why=why, more=more)


def _shown(member: Member) -> dict[str, Any]:
    return {name: getattr(member, name) for name in OF_MEMBER}


def _lock_member(session: Session, caller: Caller, member_id: UUID) -> tuple[Member, Household]:
    """Lock a member's household, then the member. Raises the problem that keeps the caller from changing them."""
    found, _ = queries.get_member(session, caller, member_id)
    household = lock_households(session, [found.household_id])[found.household_id]
    member = session.get(Member, member_id, with_for_update=True, populate_existing=True)
    if member is None or member.household_id != household.id:
        raise not_found()
    preconditions.check_if_match(session, member)
    if problem := rules.find_member_problem(caller, household, member):
        raise problem
    return member, household
