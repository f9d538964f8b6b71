"""What needs can be asked: each answer holds what its caller may see, decided in SQL."""

from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import Session

from chassis.data.database import below, now
from chassis.http.auth import Caller, View
from chassis.http.pagination import page
from chassis.problems import not_found
from needs.model import Need, Pledge, of_category

OPEN_TO_ALL = ("published", "closed")


def shown_to(caller: Caller | None, need: Need) -> View:
    """How much of a need somebody sees: their own, one of a region they manage, or the masked public part."""
    if caller is None:
        return "public"
    manages = caller.manages(need.region)
    if caller.id == need.account_id or (caller.id == need.poster_id and manages):
        return "own"
    return "region" if manages else "public"


def need_of(session: Session, caller: Caller | None, need_id: UUID) -> Need:
    """Raises `not_found` for a need that is not public and neither the caller's nor of their region."""
    need = session.get(Need, need_id)
    if need is None or (need.state not in OPEN_TO_ALL and shown_to(caller, need) == "public"):
        raise not_found()
    return need


def published_needs(session: Session, region: str = "", category: str | None = None, **paging: Any) -> dict[str, Any]:
    return page(session, _of(select(Need).where(Need.state == "published"), Need, region, category), Need.id, **paging)


def own_needs(session: Session, caller: Caller, **paging: Any) -> dict[str, Any]:
    return page(
        session,
        select(Need).where(or_(Need.account_id == caller.id, and_(Need.poster_id == caller.id, caller.within(Need.region)))),
        Need.id,
        **paging,
    )


def managed_needs(session: Session, caller: Caller, region: str = "", state: str | None = None, **paging: Any) -> dict[str, Any]:
    query = _of(select(Need).where(caller.within(Need.region)), Need, region, None)
    return page(session, query.where(Need.state == state) if state else query, Need.id, **paging)


def open_pledges(session: Session, region: str = "", category: str | None = None, **paging: Any) -> dict[str, Any]:
    going_on = select(Pledge).where(Pledge.withdrawn.is_(False), Pledge.resting.is_(False), Pledge.valid_until > now())
    return page(session, _of(going_on, Pledge, region, category), Pledge.id, **paging)


def own_pledges(session: Session, caller: Caller, **paging: Any) -> dict[str, Any]:
    return page(session, select(Pledge).where(Pledge.pledger_id == caller.id), Pledge.id, **paging)


def own_pledge(session: Session, caller: Caller, pledge_id: UUID) -> Pledge:
    pledge = session.get(Pledge, pledge_id)
    if pledge is None or pledge.pledger_id != caller.id:
        raise not_found()
    return pledge


def _of(query: Select[Any], entity: Any, region: str, category: str | None) -> Select[Any]:
    if region:
        query = query.where(below(entity.region, region))
    return query.where(of_category(entity.category, category)) if category else query
