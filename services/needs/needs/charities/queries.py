"""Queries for charities: the public list, one of them, and the one that receives the money of a need."""

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.http.auth import Caller
from chassis.http.pagination import page
from chassis.problems import not_found
from needs.charities import rules
from needs.charities.model import Charity


def list_charities(session: Session, region: str = "", **paging: Any) -> dict[str, Any]:
    """Read a page of the charities in force: those named for the region or one around it, or all for the whole country."""
    in_force = select(Charity).where(Charity.ended_at.is_(None), Charity.last_day >= rules.china_date(now()))
    if region:
        in_force = in_force.where(Charity.region.in_(rules.list_enclosing_regions(region)))
    return page(session, in_force, Charity.id, **paging)


def get_charity(session: Session, charity_id: UUID) -> Charity:
    """Get a charity, also one that has ended. Raises `not_found`."""
    charity = session.get(Charity, charity_id)
    if charity is None:
        raise not_found()
    return charity


def lock_charity(session: Session, caller: Caller, charity_id: UUID) -> Charity:
    """Lock a charity of a region that the caller manages. Raises `not_found`."""
    charity = session.get(Charity, charity_id, with_for_update=True)
    if charity is None or not caller.manages(charity.region):
        raise not_found()
    return charity


def find_charity(session: Session, region: str) -> Charity | None:
    """Find the charity in force that receives money for a region, and keep it from being changed meanwhile; None without one."""
    around = select(Charity).where(Charity.region.in_(rules.list_enclosing_regions(region)), Charity.ended_at.is_(None))
    listed = session.scalars(around.order_by(Charity.id).with_for_update(read=True)).all()
    return rules.choose_charity(listed, rules.china_date(now()))
