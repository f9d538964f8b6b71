"""Searches in the register. Names are encrypted, so a search by name opens the rows of its township one by one."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, load_only

from chassis.data.database import below
from chassis.data.encryption import fingerprint
from chassis.http.auth import Caller
from users.finding.rules import find_search_problem
from users.households.model import Household, Member
from users.households.queries import STANDING
from users.pinyin import matches
from users.problems import too_many_to_search

MOST_OPENED = 3_000
"""The most households whose names one search opens."""
MOST_FOUND = 50


def find_by_name(session: Session, caller: Caller, region: str, name: str) -> tuple[list[Household], bool]:
    """Find the standing households of a township or village whose head or a member has this name, in characters or pinyin.

    Returns 50 at most, heads first, and whether there are more. Raises `too_many_to_search` when the region holds more than 3,000
    households.
    """
    if problem := find_search_problem(caller, region):
        raise problem
    within = (below(Household.region, region), STANDING, caller.within(Household.region))
    if (session.scalar(select(func.count()).select_from(Household).where(*within)) or 0) > MOST_OPENED:
        raise too_many_to_search(most=MOST_OPENED)
    heads = select(Household).options(load_only(Household.id, Household.name)).where(*within).order_by(Household.id)
    ids = [row.id for row in session.scalars(heads).all() if matches(row.name, name)]
    members = select(Member).options(load_only(Member.household_id, Member.name)).join(Household).where(*within, Member.left_at.is_(None))
    ids += [row.household_id for row in session.scalars(members.order_by(Member.id)).all() if matches(row.name, name)]
    found = list(dict.fromkeys(ids))
    return _load(session, found[:MOST_FOUND]), len(found) > MOST_FOUND


def find_by_number(session: Session, caller: Caller, national_id: str) -> list[Household]:
    """Find the standing households of the caller's regions in which this national id stands, as the head's or a member's."""
    key = fingerprint(national_id)
    as_member = select(Member.household_id).where(Member.national_id_fingerprint == key, Member.left_at.is_(None))
    stands = or_(Household.national_id_fingerprint == key, Household.id.in_(as_member))
    found = select(Household.id).where(stands, STANDING, caller.within(Household.region)).order_by(Household.id)
    return _load(session, session.scalars(found.limit(MOST_FOUND)).all())


def _load(session: Session, ids: Sequence[UUID]) -> list[Household]:
    if not ids:
        return []
    found = {household.id: household for household in session.scalars(select(Household).where(Household.id.in_(ids)))}
    return [found[one] for one in ids if one in found]
