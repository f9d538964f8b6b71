"""Queries of endpoints: an office's are for the administrators of its region, an account's for the account."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from chassis.http.auth import STAFF, Caller
from chassis.http.pagination import page
from chassis.problems import not_allowed, not_found
from notify.endpoints.model import Endpoint
from notify.messages.model import Message


def list_endpoints(session: Session, caller: Caller, **paging: Any) -> dict[str, Any]:
    """List the endpoints of the caller's regions, or of the caller's account, newest first."""
    return page(session, select(Endpoint).where(_visible(caller)), Endpoint.id, **paging)


def get_endpoint(session: Session, caller: Caller, endpoint_id: UUID, *, lock: bool = False) -> Endpoint:
    """Get an endpoint that the caller may read, locked on request. Raises `not_found` for any other."""
    endpoint = session.get(Endpoint, endpoint_id, with_for_update=lock)
    if endpoint is None or not may_read(endpoint, caller):
        raise not_found()
    return endpoint


def lock_endpoint(session: Session, caller: Caller, endpoint_id: UUID) -> Endpoint:
    """Lock an endpoint to change it. Raises `not_found`, and `not_allowed` for somebody who may only read it."""
    endpoint = get_endpoint(session, caller, endpoint_id, lock=True)
    if not manages(endpoint, caller):
        raise not_allowed()
    return endpoint


def list_deliveries(session: Session, caller: Caller, endpoint_id: UUID, **paging: Any) -> dict[str, Any]:
    """List what was sent to an endpoint in the last week, and what waits, newest first."""
    get_endpoint(session, caller, endpoint_id)
    return page(session, select(Message).where(Message.endpoint_id == endpoint_id), Message.id, **paging)


def may_read(endpoint: Endpoint, caller: Caller) -> bool:
    """Tell whether the caller may read an endpoint."""
    return endpoint.owner_id == caller.id if endpoint.region is None else caller.reads(endpoint.region)


def manages(endpoint: Endpoint, caller: Caller) -> bool:
    """Tell whether the caller may change an endpoint."""
    return endpoint.owner_id == caller.id if endpoint.region is None else caller.manages(endpoint.region)


def _visible(caller: Caller) -> ColumnElement[bool]:
    return caller.within(Endpoint.region) if caller.kind in STAFF else Endpoint.owner_id == caller.id
