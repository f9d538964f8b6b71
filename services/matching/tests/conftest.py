"""A database of matching that is rolled back after each test, its API, and needs and pledges from events."""

from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from chassis.data.database import new_id
from chassis.messaging import outbox
from chassis.testing.fixtures import RolledBack, api_fixtures
from contracts.event import Event
from contracts.needs import NeedPublished, NeedWithdrawn, PledgeChanged, PledgeOffered, PledgeWithdrawn
from matching.api import api
from matching.clearing import actions

VILLAGE = "510903001001"
DAYS = timedelta(days=1)
E = TypeVar("E", bound=Event)


engine, database, client = api_fixtures("matching", api)


def published(need_id: UUID | None = None, **changes: Any) -> NeedPublished:
    at = datetime.now(UTC)
    stated = {
        "version": 2, "need_id": need_id or new_id(), "household_id": new_id(), "account_id": None, "poster_id": new_id(),
        "region": VILLAGE, "category": "food.rice", "unit": "kg", "quantity": 50, "urgency": "normal", "posted_at": at, "published_at": at,
    }  # fmt: skip
    return NeedPublished(**stated | changes)


def withdrawn(need: NeedPublished) -> NeedWithdrawn:
    stated = {name: getattr(need, name) for name in need.__struct_fields__ if name in NeedWithdrawn.__struct_fields__}
    return NeedWithdrawn(**stated | {"version": need.version + 1, "withdrawn_by": need.poster_id, "withdrawn_at": datetime.now(UTC)})


def offered(pledge_id: UUID | None = None, **changes: Any) -> PledgeOffered:
    at = datetime.now(UTC)
    stated = {
        "version": 1, "pledge_id": pledge_id or new_id(), "pledger_id": new_id(), "kind": "goods", "category": "food.rice", "unit": "kg",
        "quantity": 100, "region": "5109", "valid_until": at + 30 * DAYS, "offered_at": at,
    }  # fmt: skip
    return PledgeOffered(**stated | changes)


def changed(pledge: PledgeOffered, **changes: Any) -> PledgeChanged:
    stated = {name: getattr(pledge, name) for name in pledge.__struct_fields__} | {
        "version": pledge.version + 1,
        "changed_at": datetime.now(UTC),
    }
    return PledgeChanged(**stated | changes)


def taken_back(pledge: PledgeOffered, version: int = 2) -> PledgeWithdrawn:
    stated = {name: getattr(pledge, name) for name in pledge.__struct_fields__}
    return PledgeWithdrawn(**stated | {"version": version, "withdrawn_at": datetime.now(UTC)})


def clear(database: RolledBack) -> int:
    """One clearing; how many proposals it made."""
    with database.begin() as session:
        return actions.clear(session, 3 * DAYS).proposals


def told(database: RolledBack, kind: type[E]) -> list[E]:
    with database.begin() as session:
        return [event for event in outbox.pending(session) if isinstance(event, kind)]
