"""Queries of lists of pledges: a giver's own lists, the names that they settled, and what they offer already."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.http.auth import Caller
from chassis.http.pagination import page
from chassis.problems import not_found
from needs.model import Pledge
from needs.pledge_lists.model import GiverItemName, PledgeList, PledgeListLine

MOST_NAMES = 5_000
_STANDS = (Pledge.withdrawn.is_(False), Pledge.expired.is_(False))


def load_item_names(session: Session, giver_id: UUID) -> Mapping[str, str]:
    """Load the categories of the names that a giver has settled, the most used ones."""
    query = select(GiverItemName.written, GiverItemName.category).where(GiverItemName.giver_id == giver_id)
    rows = session.execute(query.order_by(GiverItemName.uses.desc(), GiverItemName.written).limit(MOST_NAMES))
    return {row.written: row.category for row in rows}


def find_standing(session: Session, digests: Collection[bytes]) -> set[bytes]:
    """Find the digests whose lines were offered before, by pledges that are valid still."""
    query = select(PledgeListLine.digest).join(Pledge, Pledge.id == PledgeListLine.pledge_id)
    return set(session.scalars(query.where(PledgeListLine.digest.in_(digests), Pledge.valid_until > now(), *_STANDS)))


def count_open_pledges(session: Session, giver_id: UUID, categories: Collection[str]) -> Mapping[str, int]:
    """Count the pledges that a giver offers now, by item."""
    query = select(Pledge.category, func.count().label("open")).where(
        Pledge.pledger_id == giver_id, Pledge.category.in_(categories), Pledge.valid_until > now(), *_STANDS
    )
    return {row.category: row.open for row in session.execute(query.group_by(Pledge.category))}


def list_lists(session: Session, caller: Caller, **paging: Any) -> dict[str, Any]:
    """Read a page of the caller's lists, newest first."""
    return page(session, select(PledgeList).where(PledgeList.giver_id == caller.id), PledgeList.id, **paging)


def get_list(session: Session, caller: Caller, list_id: UUID) -> PledgeList:
    """Get a list of the caller's. Raises `not_found`."""
    found = session.get(PledgeList, list_id)
    if found is None or found.giver_id != caller.id:
        raise not_found()
    return found


def load_lines(session: Session, list_id: UUID) -> list[tuple[int | None, Pledge]]:
    """Load the pledges of a list with their rows, in the order of the list."""
    query = select(PledgeListLine.row, Pledge).join(Pledge, Pledge.id == PledgeListLine.pledge_id)
    ordered = query.where(PledgeListLine.list_id == list_id).order_by(PledgeListLine.row.asc().nulls_last(), Pledge.id)
    return [(found[0], found[1]) for found in session.execute(ordered)]
