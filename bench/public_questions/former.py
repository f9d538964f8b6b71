"""Questions as they were asked before, for comparison: on indexes of single tables, or on days instead of months."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import and_, func, select, text
from sqlalchemy.orm import Session

from chassis.data.database import Database, below, now
from chassis.http.pagination import page
from insight import queries as rates
from insight.model import totals
from matching.balance import queries as balance
from needs import queries as needs
from needs.hall import queries as hall
from needs.hall.question import Question
from needs.hall.rows import HallPage, load_page
from needs.model import Match, Need, Pledge
from users.regions import queries as regions
from users.regions.model import Region

INDEXES = {
    "needs": (
        "CREATE INDEX needs_hall ON needs (id) WHERE state = 'published'",
        "CREATE INDEX needs_category ON needs (category, region) WHERE state = 'published'",
        "CREATE INDEX pledges_hall ON pledges (id) WHERE NOT withdrawn",
        "CREATE INDEX pledges_category ON pledges (category, region) WHERE NOT withdrawn",
    ),
    "matching": ("CREATE INDEX balance_wanting ON balance (wanting DESC, id) WHERE length(region) = 6 AND wanting > 0",),
    "users": (),
    "insight": (),
}
_WANTING = """
    SELECT id, region, category, unit, needs AS waiting_needs, need_units AS waiting_units, wanting AS weight FROM balance
    WHERE length(region) = 6 AND wanting > 0 {conditions} ORDER BY wanting DESC, id LIMIT :limit
"""


def read_at_once(session: Session, asked: Question, start: Any, most: int, limit: int, *, with_sides: bool) -> HallPage:
    """Walk the published needs from the newest, or read all of a category."""
    query = _narrowed(select(Need.id).where(Need.state == "published"), Need, asked.region, asked.categories[0])
    if start[1] is not None:
        query = query.where(Need.id < start[1])
    places = [(0, one) for one in session.scalars(query.order_by(Need.id.desc()).limit(most))]
    return load_page(session, places, limit, is_ascending=False, with_sides=with_sides, words=asked.words, items=asked.items)


def list_open_pledges(session: Session, region: str = "", category: str | None = None, **paging: Any) -> dict[str, Any]:
    """Walk the pledges from the newest, expired ones included."""
    offered = select(Pledge).where(Pledge.withdrawn.is_(False), Pledge.resting.is_(False), Pledge.valid_until > now())
    return page(session, _narrowed(offered, Pledge, region, category), Pledge.id, **paging)


def _narrowed(query: Any, entity: Any, region: str, category: str | None) -> Any:
    if region:
        query = query.where(below(entity.region, region))
    return query.where(and_(entity.category >= category, entity.category < category + "/")) if category else query


def get_need(session: Session, caller: Any, need_id: Any) -> Need:
    """Read a need and add up all its matches."""
    session.scalar(select(func.coalesce(func.sum(Match.quantity), 0)).where(Match.need_id == need_id))
    return GET_NEED(session, caller, need_id)


GET_NEED = needs.get_need


def list_most_wanting(session: Session, region: str = "", category: str = "", cursor: str | None = None, limit: int = 20) -> dict[str, Any]:
    """Walk the items from the most wanting."""
    stated: dict[str, Any] = {"limit": limit + 1}
    conditions = ""
    if region:
        conditions += "AND region >= :region AND region < :region || '~'"
        stated["region"] = region
    if category:
        conditions += "AND category >= :category AND category < :category || '/'"
        stated["category"] = category
    if cursor:
        conditions += "AND (wanting < :weight OR wanting = :weight AND id > :id)"
        stated["weight"], stated["id"] = balance._read(cursor)
    rows = session.execute(text(_WANTING.format(conditions=conditions)), stated).mappings().all()
    return {"items": [dict(row) for row in rows[:limit]], "next": None}


def search_regions(session: Session, name: str, within: str, limit: int) -> list[Region]:
    """Search the names in the table."""
    query = select(Region).where(Region.name.contains(name, autoescape=True), below(Region.code, within))
    return list(session.scalars(query.order_by(func.length(Region.code), Region.code).limit(limit)))


FORMER = {
    "list_needs": (hall, "_read_at_once", read_at_once),
    "list_pledges": (needs, "list_open_pledges", list_open_pledges),
    "get_need": (needs, "get_need", get_need),
    "list_wanting": (balance, "list_most_wanting", list_most_wanting),
    "list_regions": (regions, "search_regions", search_regions),
    "get_rates": (rates, "_totals_of", lambda level, period: totals),
    "get_rates_csv": (rates, "_totals_of", lambda level, period: totals),
}
"""Operations that were asked otherwise, with the function that they called."""


def build_indexes(database: Database, service: str) -> None:
    """Create the indexes of before."""
    with database.begin() as session:
        for statement in INDEXES.get(service, ()):
            session.execute(text(statement))


@contextmanager
def asked_as_before(operation: str) -> Iterator[None]:
    """Have the operation ask as before."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(*FORMER[operation])
        yield
