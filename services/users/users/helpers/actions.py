"""Assigning helpers, handing their assignments over, releasing them."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from chassis.data.database import below, new_id, now
from chassis.data.encryption import fingerprint
from chassis.http import versions
from chassis.http.auth import Caller
from chassis.messaging import outbox
from users.accounts.model import Account
from users.helpers import queries, rules
from users.helpers.events import helper_assigned, helper_released
from users.helpers.model import Assignment
from users.households.queries import require_household
from users.problems import nothing_to_hand_over, same_helper, unknown_helper
from users.regions.rules import find_region_problem
from users.unique import insert_unique

MOST_AT_ONCE = 1000
"""The most assignments that one act hands over."""


def assign_helper(session: Session, caller: Caller, wanted: Mapping[str, Any]) -> Assignment:
    """Let somebody answer for a village that the caller manages, or for one household of it. Raises `already_helper`."""
    if problem := find_region_problem(caller, wanted["region"]):
        raise problem
    if (household_id := wanted.get("household_id")) is not None:
        require_household(session, household_id, wanted["region"])
    helper = _find_helper(session, wanted.get("account_id"), wanted.get("phone"))
    return _assign(session, caller, helper, wanted["role"], wanted["unit"], wanted["post"], wanted["region"], household_id)


def release_helper(session: Session, caller: Caller, assignment_id: UUID) -> Assignment:
    """End an assignment, as an administrator of its village or above."""
    assignment = queries.get_assignment(session, caller, assignment_id, lock=True)
    versions.check_if_match(session, assignment)
    if problem := rules.find_release_problem(caller, assignment):
        raise problem
    _release(session, caller.id, [assignment], None)
    return assignment


def release_helpers_of(session: Session, by: UUID, household_id: UUID) -> None:
    """End the assignments for one household, which moved or left the register. Helpers of its whole village are not concerned."""
    theirs = select(Assignment).where(Assignment.household_id == household_id, queries.STANDING).order_by(Assignment.id)
    if leaving := session.scalars(theirs.with_for_update(of=Assignment)).all():
        _release(session, by, leaving, None)


def hand_over_helper(session: Session, caller: Caller, wanted: Mapping[str, Any]) -> Sequence[Assignment]:
    """Release everything that a helper answers for in a region, and assign it to the successor with their unit and post.

    What the successor answers for already stays theirs once. Raises `nothing_to_hand_over`.
    """
    if problem := find_region_problem(caller, wanted["region"]):
        raise problem
    successor = _find_helper(session, wanted.get("account_id"), wanted.get("phone"))
    if successor.id == wanted["helper_id"]:
        raise same_helper()
    theirs = select(Assignment).where(
        Assignment.account_id == wanted["helper_id"], below(Assignment.region, wanted["region"]), queries.STANDING
    )
    leaving = session.scalars(theirs.order_by(Assignment.id).limit(MOST_AT_ONCE).with_for_update(of=Assignment)).all()
    if not leaving:
        raise nothing_to_hand_over()
    standing = select(Assignment).where(Assignment.account_id == successor.id, below(Assignment.region, wanted["region"]), queries.STANDING)
    known = {_place(one) for one in session.scalars(standing)}
    _release(session, caller.id, leaving, successor.id)
    return [
        _assign(session, caller, successor, one.role, wanted["unit"], wanted["post"], one.region, one.household_id)
        for one in leaving
        if _place(one) not in known
    ]


def _place(assignment: Assignment) -> tuple[str, str, UUID | None]:
    return assignment.role, assignment.region, assignment.household_id


def _assign(
    session: Session, caller: Caller, helper: Account, role: Any, unit: str, post: str, region: str, household_id: UUID | None
) -> Assignment:
    assignment = Assignment(
        id=new_id(), account=helper, role=role, unit=unit, post=post, region=region, household_id=household_id, assigned_by=caller.id
    )
    insert_unique(session, assignment)
    outbox.add(session, helper_assigned(assignment))
    return assignment


def _release(session: Session, by: UUID, leaving: Sequence[Assignment], successor_id: UUID | None) -> None:
    for assignment in leaving:
        assignment.released_by, assignment.released_at, assignment.successor_id = by, now(), successor_id
        assignment.version += 1
    session.flush()
    outbox.add(session, *(helper_released(assignment) for assignment in leaving))


def _find_helper(session: Session, account_id: UUID | None, phone: str | None) -> Account:
    named = Account.id == account_id if phone is None else Account.phone_fingerprint == fingerprint(phone)
    found = session.scalars(
        select(Account).where(named, Account.kind.in_(rules.HELPING_KINDS), Account.state == "active", Account.proven_at.is_not(None))
    ).first()
    if found is None:
        raise unknown_helper()
    return found
