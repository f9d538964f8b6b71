"""Queries of needs. SQL decides which rows their caller may see."""

from collections.abc import Collection
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from chassis.data.appointments import managers_of
from chassis.data.database import below, now
from chassis.data.k_anonymity import describe_townships, find_public_townships, township_query
from chassis.http.auth import Caller
from chassis.http.pagination import page
from chassis.problems import not_found
from needs.model import Need, Pledge, PledgeListing
from needs.rules import Managers, view_of

PUBLIC_STATES = ("published", "closed", "expired", "met")
_STANDS_BEHIND = ("needs", "state = 'published' AND NOT of_institution")
TOWNSHIPS = township_query(*_STANDS_BEHIND)
"""The query of townships in which enough households have published needs."""
describe_towns = partial(describe_townships, *_STANDS_BEHIND)
"""Return the expressions of this query for the towns of another one."""


def get_need(session: Session, caller: Caller | None, need_id: UUID) -> Need:
    """Get a need. Raises `not_found` if it is not public and neither the caller's nor in a region they manage."""
    need = session.get(Need, need_id)
    is_public = need is not None and need.state in PUBLIC_STATES and not need.hidden
    if need is None or (not is_public and view_of(caller, need) == "public"):
        raise not_found()
    return need


def list_own_needs(session: Session, caller: Caller, **paging: Any) -> dict[str, Any]:
    """Read a page of the needs of the caller's household, and of those they posted in a region they still manage."""
    posted = and_(Need.poster_id == caller.id, caller.within_managed(Need.region))
    return page(session, select(Need).where(or_(Need.account_id == caller.id, posted)), Need.id, **paging)


def list_managed_needs(
    session: Session, caller: Caller, region: str = "", state: str | None = None, hidden: bool | None = None, **paging: Any
) -> dict[str, Any]:
    """Read a page of the needs of the regions that the caller manages, in every state or in one; `hidden` ones wait for a reviewer."""
    query = select(Need).where(caller.within(Need.region))
    if region:
        query = query.where(below(Need.region, region))
    if hidden is not None:
        query = query.where(Need.hidden if hidden else ~Need.hidden)
    return page(session, query.where(Need.state == state) if state else query, Need.id, **paging)


def find_townships(session: Session, needs: Collection[Need]) -> set[str]:
    """Find the townships of these needs in which enough households have published needs, so that the public may see the township."""
    return find_public_townships(session, TOWNSHIPS, {need.region for need in needs})


def find_township_managers(session: Session, caller: Caller | None, needs: Collection[Need]) -> Managers:
    """Read the administrators of the townships of posted needs in one query; none if the caller manages nothing and cannot judge.

    Who judges a need at the county does not depend on the township.
    """
    towns = {need.region[:9] for need in needs if need.state == "posted"}
    return managers_of(session, towns) if towns and caller and caller.regions else {}


_OFFERED = select(
    *(Pledge.id, Pledge.version, Pledge.answered_version, Pledge.pledger_id, Pledge.kind, Pledge.category, Pledge.unit, Pledge.quantity),
    *(Pledge.accepted, Pledge.delivered, Pledge.proposed, Pledge.region, Pledge.valid_until, Pledge.withdrawn, Pledge.resting),
    *(Pledge.offered_at, Pledge.choose_until, Pledge.best_before, Pledge.limit_per_household),
)
"""Columns of pledges that everybody sees or that the rules of acts ask for; an object of the session costs more than all else of a row."""


def list_open_pledges(session: Session, region: str = "", category: str | None = None, **paging: Any) -> dict[str, Any]:
    """Read a page of the pledges that are offered now, newest first. They are plain rows without what the pledger alone sees."""
    # A scalar subquery is never planned as a join, which would read pledges in an order of its own.
    valid_until = select(Pledge.valid_until).where(Pledge.id == PledgeListing.id).scalar_subquery()
    listed = select(PledgeListing).where(PledgeListing.region == region, PledgeListing.category == (category or ""), valid_until > now())
    found = page(session, listed, PledgeListing.id, **paging)
    ids = [listing.id for listing in found["items"]]
    # The query decides again who is shown: a listing is an index and nothing more.
    offered = _OFFERED.where(Pledge.id.in_(ids), ~Pledge.withdrawn, ~Pledge.resting, ~Pledge.used_up, Pledge.valid_until > now())
    return found | {"items": session.execute(offered.order_by(Pledge.id.desc())).all() if ids else []}


def list_own_pledges(session: Session, caller: Caller, **paging: Any) -> dict[str, Any]:
    """Read a page of the caller's pledges, newest first."""
    return page(session, select(Pledge).where(Pledge.pledger_id == caller.id), Pledge.id, **paging)


def get_own_pledge(session: Session, caller: Caller, pledge_id: UUID) -> Pledge:
    """Get a pledge of the caller. Raises `not_found`."""
    pledge = session.get(Pledge, pledge_id)
    if pledge is None or pledge.pledger_id != caller.id:
        raise not_found()
    return pledge
