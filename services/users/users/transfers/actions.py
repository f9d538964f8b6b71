"""Moving households, deciding transfers, splitting, merging and ending. Rows are locked in the order of their ids."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from chassis.data.database import new_id, now
from chassis.http import versions as preconditions
from chassis.http.auth import Caller
from chassis.problems import not_found
from contracts.users import HouseholdEnding
from users.accounts.actions import set_region
from users.handovers.actions import follow_household
from users.helpers.actions import release_helpers_of
from users.households import claims
from users.households import rules as register
from users.households.actions import lock_account_of, lock_for_act
from users.households.model import Household, Member, Transfer
from users.households.queries import lock_households
from users.households.versions import Why, add_first_versions, add_version, values_of
from users.members.actions import leave
from users.members.queries import list_standing_members
from users.monitoring.actions import hand_over_label
from users.problems import change_head_first, head_without_number, not_one_household, unknown_member
from users.regions.rules import find_region_problem
from users.transfers import queries, rules
from users.unique import insert_unique


def move_household(session: Session, caller: Caller, household_id: UUID, wanted: Mapping[str, Any]) -> Household:
    """Move a household to another village, as an administrator of both. Its needs and its account go along, its own helpers do not.
    One that lives there already stays as it is.

    Raises `household_registered` when its head stands in that village too: the two are merged then, not moved.
    """
    lock_account_of(session, household_id)
    household = lock_for_act(session, caller, household_id, "move_household")
    if problem := find_region_problem(caller, wanted["to_region"]):
        raise problem
    if wanted["to_region"] != household.region:
        _move(session, caller, household, wanted["to_region"], "move_household", Why.of(wanted))
    return household


def end_household(session: Session, caller: Caller, household_id: UUID, wanted: Mapping[str, Any]) -> Household:
    """Take a household out of the register for a reason. Its account stays, and may be linked to another household."""
    household = lock_for_act(session, caller, household_id, "end_household")
    _end(session, caller.id, household, "end_household", wanted["reason"], wanted.get("note"))
    return household


def split_household(session: Session, caller: Caller, wanted: Mapping[str, Any]) -> Household:
    """Register members of a household as a household of their own in the same village. Raises `unknown_member`.

    The new head needs a national id.
    """
    household = lock_for_act(session, caller, wanted["household_id"], "end_household")
    standing = {member.id: member for member in list_standing_members(session, household.id)}
    leaving = [standing[one] for one in dict.fromkeys([wanted["head_id"], *wanted["member_ids"]]) if one in standing]
    if len(leaving) < len({wanted["head_id"], *wanted["member_ids"]}):
        raise unknown_member()
    head, *others = leaving
    if head.national_id is None or head.national_id_fingerprint is None:
        raise head_without_number()
    leave(session, caller.id, household, leaving, "split_household", Why("split", wanted.get("note")))
    made = Household(
        id=new_id(),
        version=1,
        name=head.name,
        national_id=head.national_id,
        national_id_fingerprint=head.national_id_fingerprint,
        status=household.status,
        region=household.region,
        registered_by=caller.id,
        address=wanted.get("address", household.address),
    )
    insert_unique(session, made)
    session.add_all(_copy_of(member, made.id, caller.id) for member in others)
    session.flush()
    add_first_versions(session, [made], "split_household", caller.id)
    return made


def merge_households(session: Session, caller: Caller, wanted: Mapping[str, Any]) -> Household:
    """Merge a household into another one of the same village. Its people become members, its needs go over. Raises `not_one_household`."""
    ended_id, into_id = wanted["household_id"], wanted["into_id"]
    found = lock_households(session, {ended_id, into_id})
    ended, into = found.get(ended_id), found.get(into_id)
    for household in (ended, into):
        if household is None or not caller.reads(household.region):
            raise not_found()
        if problem := register.find_household_problem("end_household", caller, household):
            raise problem
    if ended is None or into is None or ended is into or ended.region != into.region:
        raise not_one_household()
    preconditions.check_if_match(session, into)
    _merge(session, caller, ended, into, "merge_households", wanted.get("note"))
    return into


def accept_transfer(session: Session, caller: Caller, transfer_id: UUID) -> tuple[Transfer, Household]:
    """Hand somebody over to the place that registered them. A household moves there and takes the new entry in; a member leaves.

    A head who lives in another household there goes over alone; whoever stays behind needs a new head first (`change_head_first`).
    """
    transfer, standing, entry = _lock_transfer(session, caller, transfer_id)
    act = "accept_household_transfer"
    _decide(session, caller, transfer, "accepted")
    if members := _find_members(session, standing, transfer):
        leave(session, caller.id, standing, members, act, Why("transferred"))
    elif _find_members(session, entry, transfer):
        if list_standing_members(session, standing.id):
            raise change_head_first()
        _merge(session, caller, standing, entry, act, None)
    else:
        to_region = entry.region
        _merge(session, caller, entry, standing, act, None)
        _move(session, caller, standing, to_region, act, Why("transferred"), is_asked=True)
    return transfer, standing


def refuse_transfer(session: Session, caller: Caller, transfer_id: UUID) -> tuple[Transfer, Household]:
    """Keep somebody where they stand. The new entry of the other place ends if they are its head; as a member they leave it."""
    transfer, standing, entry = _lock_transfer(session, caller, transfer_id)
    act = "refuse_household_transfer"
    _decide(session, caller, transfer, "refused")
    if members := _find_members(session, entry, transfer):
        leave(session, caller.id, entry, members, act, Why("other"))
    else:
        _end(session, caller.id, entry, act, "not_confirmed", None)
    return transfer, standing


def _find_members(session: Session, household: Household, transfer: Transfer) -> list[Member]:
    """Find the person of a transfer among the members of a household; none if they are its head."""
    key = transfer.national_id_fingerprint
    return [member for member in list_standing_members(session, household.id) if member.national_id_fingerprint == key]


def _lock_transfer(session: Session, caller: Caller, transfer_id: UUID) -> tuple[Transfer, Household, Household]:
    """Lock both households of a transfer, then the transfer. Raises the problem that keeps the caller from deciding it."""
    found, _ = queries.get_transfer(session, caller, transfer_id)
    lock_account_of(session, found.household_id)
    households = lock_households(session, {found.household_id, found.entry_id})
    transfer = session.get_one(Transfer, transfer_id, with_for_update=True, populate_existing=True)
    standing = households[transfer.household_id]
    preconditions.check_if_match(session, transfer)
    if problem := rules.find_transfer_problem(caller, transfer):
        raise problem
    return transfer, standing, households[transfer.entry_id]


def _decide(session: Session, caller: Caller, transfer: Transfer, state: Any) -> None:
    transfer.state, transfer.decided_by, transfer.decided_at = state, caller.id, now()
    transfer.version += 1
    session.flush()


def _move(session: Session, caller: Caller, household: Household, to_region: str, act: str, why: Why, *, is_asked: bool = False) -> None:
    if not is_asked:
        claims.require_free_place(session, household, to_region)
    before = values_of(household)
    household.region = to_region
    insert_unique(session, household)
    asking = update(Transfer).where(Transfer.household_id == household.id, Transfer.state == "waiting")
    session.execute(asking.values(region=to_region, version=Transfer.version + 1))
    if household.account_id:
        set_region(session, household.account_id, to_region)
    add_version(session, household, act, caller.id, before=before, why=why)
    release_helpers_of(session, caller.id, household.id)
    follow_household(session, household.id, household.id, to_region)


def end_erased(session: Session, by: UUID | None, household: Household) -> None:
    """Take a household that is erased out of the register; nobody is shown it any more. It is locked."""
    if household.ended_at is None:
        _end(session, by, household, "erase_household", "erased", None)
    household.ended_because = "erased"


def _end(
    session: Session, by: UUID | None, household: Household, act: str, reason: HouseholdEnding, note: str | None, into: UUID | None = None
) -> None:
    before = values_of(household)
    household.ended_at, household.ended_because, household.merged_into = now(), reason, into
    household.account_id = None
    session.flush()
    add_version(session, household, act, by, before=before, why=Why(reason, note))
    release_helpers_of(session, by or household.id, household.id)


def _merge(session: Session, caller: Caller, ended: Household, into: Household, act: str, note: str | None) -> None:
    """Let the people of a household become members of another, and end the first. Both are locked; nobody is entered twice."""
    before, account_id = values_of(into), ended.account_id
    members = list_standing_members(session, into.id)
    known = {into.national_id_fingerprint, *(member.national_id_fingerprint for member in members if member.national_id_fingerprint)}
    theirs = list_standing_members(session, ended.id)
    coming = [member for member in theirs if member.national_id_fingerprint not in known]
    session.add_all(_copy_of(member, into.id, caller.id) for member in coming)
    comes_along = ended.national_id_fingerprint not in known
    if comes_along:
        session.add(_member_of_head(ended, into.id, caller.id))
    sizes = (register.shown_size(into.size, len(members)), register.shown_size(ended.size, len(theirs)))
    into.size = register.size_together(*sizes, len(theirs) - len(coming), is_same=not comes_along) or into.size
    for name in ("address", "contact_phone", "contact_phone_fingerprint", "phone_kind"):
        if getattr(into, "contact_phone" if "phone" in name else name) is None:
            setattr(into, name, getattr(ended, name))
    _end(session, caller.id, ended, act, "merged", note, into.id)
    if into.account_id is None:
        into.account_id = account_id
    hand_over_label(session, ended.id, into)
    follow_household(session, ended.id, into.id, into.region)
    add_version(session, into, act, caller.id, before=before, why=Why("merged", note))


def _copy_of(member: Member, household_id: UUID, by: UUID) -> Member:
    names = (
        "name", "national_id", "national_id_fingerprint", "born", "sex", "relation", "student", "patient", "disabled", "labour",
        "guardian_consent",
    )  # fmt: skip
    copied = {name: getattr(member, name) for name in names}
    return Member(id=new_id(), version=1, household_id=household_id, added_by=by, added_at=now(), **copied)


def _member_of_head(household: Household, household_id: UUID, by: UUID) -> Member:
    return Member(
        id=new_id(),
        version=1,
        household_id=household_id,
        name=household.name,
        national_id=household.national_id,
        national_id_fingerprint=household.national_id_fingerprint,
        relation="other",
        added_by=by,
        added_at=now(),
    )
