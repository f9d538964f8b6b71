"""Queries of lists: whom a list may be for, settled names of items, open needs for the same, and posted lists."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from chassis.data.bulk_sql import encode_array, query_of_digests
from chassis.data.database import now, without_table_scans
from chassis.http.auth import Caller
from chassis.http.pagination import page
from chassis.problems import not_found
from needs.duplicates.rules import WINDOW
from needs.imports.model import ItemName, NeedList, NeedListLine
from needs.model import Household, Need
from needs.problems import unknown_household

COUNTY_DIGITS = 6
MOST_NAMES = 5_000
# Each key is looked up by itself: planned as one join of tables that grow, it once met a statement's time limit at 91,000 lines.
_STANDING = text(
    f"""
    SELECT wanted.key FROM {query_of_digests("digests")} AS wanted
    CROSS JOIN LATERAL (SELECT need_id FROM imported_lines WHERE imported_lines.digest = wanted.key LIMIT 1) AS line
    CROSS JOIN LATERAL (
        SELECT FROM needs WHERE needs.id = line.need_id AND state NOT IN ('withdrawn', 'expired') AND posted_at > :since LIMIT 1
    ) AS need
    """
)
WAITING_OR_PUBLISHED = ("posted", "confirmed", "returned", "published")
# As above: a plan that expects few needs would read all that wait, for every batch of a large table.
_OPEN_OF_MANY = text(
    f"""
    SELECT wanted.household_id, category, open FROM unnest(CAST(:households AS uuid[])) AS wanted (household_id)
    CROSS JOIN LATERAL (
        SELECT category, count(*) AS open FROM needs WHERE needs.household_id = wanted.household_id
            AND state IN ({", ".join(f"'{state}'" for state in WAITING_OR_PUBLISHED)}) GROUP BY category
    ) AS found
    """
)

_FORGET = text(f"DELETE FROM imported_lines WHERE digest = ANY(ARRAY(SELECT key FROM {query_of_digests('digests')} AS wanted))")
# One parameter instead of hundreds: driver and SQLAlchemy would compose another statement for each number of households.
_AMONG = text("households.id = ANY(CAST(:ids AS uuid[]))")


def get_asker(session: Session, caller: Caller, household_id: UUID, *, lock: bool = False) -> Household:
    """Get the household or institution that a list is for, in a region that the caller manages. Raises `unknown_household`.

    Locked, it stays where it is until the list is posted.
    """
    found = session.get(Household, household_id, with_for_update={"read": True} if lock else None)
    if found is None or found.ended or not caller.manages(found.region):
        raise unknown_household()
    return found


def load_item_names(session: Session, region: str) -> Mapping[str, str]:
    """Load the categories of the names that were settled in the county of a region or around it, the most used ones."""
    around = [region[:digits] for digits in (2, 4, COUNTY_DIGITS) if digits <= len(region)]
    query = select(ItemName.written, ItemName.category).where(ItemName.region.in_(around))
    # Of two regions that have settled a name, the nearer one counts: it comes last.
    rows = session.execute(query.order_by(func.length(ItemName.region).desc(), ItemName.uses.desc(), ItemName.written).limit(MOST_NAMES))
    return {row.written: row.category for row in reversed(rows.all())}


def count_open_needs(session: Session, household_id: UUID, categories: Collection[str]) -> Mapping[str, int]:
    """Count the needs of a household that are posted or published, by item."""
    query = select(Need.category, func.count().label("open")).where(
        Need.household_id == household_id, Need.category.in_(categories), Need.state.in_(WAITING_OR_PUBLISHED)
    )
    return {row.category: row.open for row in session.execute(query.group_by(Need.category))}


def load_households(session: Session, ids: Collection[UUID], *, is_locked: bool) -> Sequence[Household]:
    """Load households and institutions; locked, they stay where they are until the transaction ends."""
    among = select(Household).where(_AMONG.bindparams(ids=encode_array(ids)))
    query = among.order_by(Household.id).execution_options(populate_existing=True)
    with without_table_scans(session):
        return session.scalars(query.with_for_update(read=True) if is_locked else query).all()


def count_open_needs_of(session: Session, household_ids: Collection[UUID]) -> Mapping[tuple[UUID, str], int]:
    """Count the needs of many households that are posted or published, by household and item."""
    with without_table_scans(session):
        rows = session.execute(_OPEN_OF_MANY, {"households": encode_array(household_ids)}).all()
    return {(row.household_id, row.category): row.open for row in rows}


def find_standing(session: Session, digests: Collection[bytes]) -> set[bytes]:
    """Find the rows of tables that became needs within the window of duplicates, which were neither withdrawn nor have expired."""
    if not digests:
        return set()
    with without_table_scans(session):
        return set(session.scalars(_STANDING, {"digests": b"".join(digests), "since": now() - WINDOW}))


def forget_lines(session: Session, digests: Collection[bytes]) -> None:
    """Forget the rows of earlier tables that became needs."""
    with without_table_scans(session):
        session.execute(_FORGET, {"digests": b"".join(digests)})


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
