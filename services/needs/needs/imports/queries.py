"""Queries of lists: whom a list may be for, settled names of items, open needs for the same, and posted lists."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from chassis.http.auth import Caller
from chassis.http.pagination import page
from chassis.problems import not_found
from needs.imports.model import ItemName, NeedList, NeedListLine
from needs.model import Household, Need
from needs.problems import unknown_household

COUNTY_DIGITS = 6
MOST_NAMES = 5_000


def get_asker(session: Session, caller: Caller, household_id: UUID, *, lock: bool = False) -> Household:
    """Get the household or institution that a list is for, in a region that the caller manages. Raises `unknown_household`.

    Locked, it stays where it is until the list is posted.
    """
    found = session.get(Household, household_id, with_for_update={"read": True} if lock else None)
    if found is None or found.ended or not caller.manages(found.region):
        raise unknown_household()
    return found


def load_item_names(session: Session, region: str) -> Mapping[str, str]:
    """Load the categories of the names that were settled in the county of a region, the most used ones."""
    query = select(ItemName.written, ItemName.category).where(ItemName.region == region[:COUNTY_DIGITS])
    rows = session.execute(query.order_by(ItemName.uses.desc(), ItemName.written).limit(MOST_NAMES))
    return {row.written: row.category for row in rows}


def count_open_needs(session: Session, household_id: UUID, categories: Collection[str]) -> Mapping[str, int]:
    """Count the needs of a household that are posted or published, by item."""
    query = select(Need.category, func.count().label("open")).where(
        Need.household_id == household_id, Need.category.in_(categories), Need.state.in_(("posted", "confirmed", "returned", "published"))
    )
    return {row.category: row.open for row in session.execute(query.group_by(Need.category))}


def list_lists(session: Session, caller: Caller, **paging: Any) -> dict[str, Any]:
    """Read a page of the posted lists of the regions that the caller manages, newest first."""
    return page(session, select(NeedList).where(caller.within(NeedList.region)), NeedList.id, **paging)


def get_list(session: Session, caller: Caller, list_id: UUID) -> NeedList:
    """Get a posted list of the regions that the caller manages. Raises `not_found`."""
    found = session.scalars(select(NeedList).where(NeedList.id == list_id, caller.within(NeedList.region))).first()
    if found is None:
        raise not_found()
    return found


def load_lines(session: Session, list_id: UUID) -> list[tuple[int | None, Need]]:
    """Load the needs of a posted list with their rows, in the order of the list."""
    query = select(NeedListLine.row, Need).join(Need, Need.id == NeedListLine.need_id).where(NeedListLine.list_id == list_id)
    return [(found[0], found[1]) for found in session.execute(query.order_by(NeedListLine.row.asc().nulls_last(), Need.id))]
