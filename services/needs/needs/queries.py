"""Queries of needs. SQL decides which rows their caller may see."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, false, or_, select
from sqlalchemy.orm import Session

from chassis.data.appointments import managers_of
from chassis.data.database import below, forbid_bitmap_scans, now
from chassis.data.k_anonymity import TOWNSHIP_DIGITS, find_public_townships, township_query
from chassis.http.auth import Caller
from chassis.http.pagination import page
from chassis.problems import not_found
from needs.model import Need, NeedListing, Pledge, PledgeListing
from needs.rules import Managers, view_of

PUBLIC_STATES = ("published", "closed", "expired", "met")
TOWNSHIPS = township_query("needs", "state = 'published' AND NOT of_institution")
"""The query of townships in which enough households have published needs."""


def get_need(session: Session, caller: Caller | None, need_id: UUID) -> Need:
    """Get a need. Raises `not_found` if it is not public and neither the caller's nor in a region they manage."""
    need = session.get(Need, need_id)
    is_public = need is not None and need.state in PUBLIC_STATES and not need.hidden
    if need is None or (not is_public and view_of(caller, need) == "public"):
        raise not_found()
    return need


def list_published_needs(session: Session, region: str = "", category: str | None = None, **paging: Any) -> dict[str, Any]:
    """Read a page of the published needs, newest first. A township that is not shown holds none: its needs are in its county alone."""
    listed = select(NeedListing).where(NeedListing.region == region, NeedListing.category == (category or ""))
    is_shown = len(region) < TOWNSHIP_DIGITS or find_public_townships(session, TOWNSHIPS, [region])
    forbid_bitmap_scans(session)
    found = page(session, listed if is_shown else listed.where(false()), NeedListing.id, **paging)
    return _load_listed(session, found, select(Need).where(Need.state == "published", ~Need.hidden), Need.id)


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


def list_open_pledges(session: Session, region: str = "", category: str | None = None, **paging: Any) -> dict[str, Any]:
    """Read a page of the pledges that are offered now, newest first."""
    # A scalar subquery is never planned as a join, which would read pledges in an order of its own.
    valid_until = select(Pledge.valid_until).where(Pledge.id == PledgeListing.id).scalar_subquery()
    listed = select(PledgeListing).where(PledgeListing.region == region, PledgeListing.category == (category or ""), valid_until > now())
    offered = select(Pledge).where(~Pledge.withdrawn, ~Pledge.resting, ~Pledge.used_up, Pledge.valid_until > now())
    forbid_bitmap_scans(session)
    return _load_listed(session, page(session, listed, PledgeListing.id, **paging), offered, Pledge.id)


def list_own_pledges(session: Session, caller: Caller, **paging: Any) -> dict[str, Any]:
    """Read a page of the caller's pledges, newest first."""
    return page(session, select(Pledge).where(Pledge.pledger_id == caller.id), Pledge.id, **paging)


def get_own_pledge(session: Session, caller: Caller, pledge_id: UUID) -> Pledge:
    """Get a pledge of the caller. Raises `not_found`."""
    pledge = session.get(Pledge, pledge_id)
    if pledge is None or pledge.pledger_id != caller.id:
        raise not_found()
    return pledge


def _load_listed(session: Session, listed: dict[str, Any], query: Select[Any], key: Any) -> dict[str, Any]:
    """Load the rows that a page of a listing names. The query decides again who is shown: a listing is an index and nothing more."""
    ids = [listing.id for listing in listed["items"]]
    return listed | {"items": session.scalars(query.where(key.in_(ids)).order_by(key.desc())).all() if ids else []}
