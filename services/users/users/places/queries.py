"""Queries of collection points. What counts is for everybody; what waits is for the administrators of its region."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from chassis.data.appointments import managers_of
from chassis.data.database import below
from chassis.http.auth import Caller
from chassis.http.pagination import page, page_along
from chassis.problems import not_found
from users.places.model import Place
from users.places.rules import LEVELS

PUBLISHED: ColumnElement[bool] = Place.state.in_(("open", "closed"))
OPEN: ColumnElement[bool] = Place.state == "open"
STANDING: ColumnElement[bool] = Place.state.in_(("open", "closed", "waiting"))


def list_places(session: Session, region: str = "", **paging: Any) -> dict[str, Any]:
    """Read a page of the points that count in a region and below, by region."""
    return page_along(session, select(Place).where(PUBLISHED, below(Place.region, region)), Place.region, Place.id, **paging)


def list_managed_places(session: Session, caller: Caller, region: str = "", waiting: bool = False, **paging: Any) -> dict[str, Any]:
    """Read a page of the points in the caller's regions, newest first; on request only those with a proposal that waits."""
    query = select(Place).where(caller.within(Place.region), below(Place.region, region))
    return page(session, query.where(Place.proposal_id.is_not(None)) if waiting else query, Place.id, **paging)


def get_place(session: Session, caller: Caller | None, place_id: UUID, *, lock: bool = False) -> Place:
    """Get a point that counts, or one in the caller's regions; locked on request. Raises `not_found`."""
    visible = or_(PUBLISHED, caller.within(Place.region)) if caller else PUBLISHED
    query = select(Place).where(Place.id == place_id, visible)
    found = session.scalars(query.with_for_update() if lock else query, execution_options={"populate_existing": lock}).first()
    if found is None:
        raise not_found()
    return found


def count_places(session: Session, region: str) -> int:
    """Count the points of exactly this region, without refused ones."""
    return session.scalar(select(func.count()).select_from(Place).where(Place.region == region, STANDING)) or 0


def find_nearest_places(session: Session, regions: Collection[str]) -> dict[str, Place]:
    """Find the nearest open point of each region: its own, else its township's, else its county's; of several the oldest."""
    around = {region: [region[:length] for length in reversed(LEVELS) if length <= len(region)] for region in regions}
    wanted = {code for codes in around.values() for code in codes}
    found: dict[str, Place] = {}
    for place in session.scalars(select(Place).where(OPEN, Place.region.in_(wanted)).order_by(Place.id.desc())):
        found[place.region] = place
    return {region: next(found[code] for code in codes if code in found) for region, codes in around.items() if found.keys() & set(codes)}


def find_standing_proposers(session: Session, places: Sequence[Place]) -> set[UUID]:
    """Return the points whose proposer still manages their region."""
    waiting = [place for place in places if place.proposed_by is not None]
    managers = managers_of(session, {place.region for place in waiting}) if waiting else {}
    return {
        place.id
        for place in waiting
        if any(place.proposed_by in people for region, people in managers.items() if place.region.startswith(region))
    }
