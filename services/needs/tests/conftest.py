"""Fixtures: a database of needs that is rolled back after each test, and a client of its API."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from chassis.data.database import new_id
from chassis.messaging import outbox
from chassis.testing.fixtures import Person, RolledBack, administrator_of, api_fixtures
from contracts.event import Event
from contracts.users import HouseholdRegistered
from needs import actions
from needs.api import api

VILLAGE = "510903001001"


engine, database, client = api_fixtures("needs", api)


@pytest.fixture
def donor() -> Person:
    return Person("donor")


@pytest.fixture
def village(database: RolledBack) -> Person:
    return administrator_of(database, VILLAGE)


@pytest.fixture
def town(database: RolledBack) -> Person:
    return administrator_of(database, VILLAGE[:9])


def household_in(database: RolledBack, region: str, account: Person | None = None) -> UUID:
    event = HouseholdRegistered(
        version=1, household_id=new_id(), account_id=account.id if account else None, region=region,
        status="registered", registered_by=None, registered_at=datetime.now(UTC),
    )  # fmt: skip
    with database.begin() as session:
        actions.record_households(session, [event])
    return event.household_id


@pytest.fixture
def household(database: RolledBack) -> UUID:
    return household_in(database, VILLAGE)


def pending(database: RolledBack) -> list[Event]:
    """The events in the outbox."""
    with database.begin() as session:
        return outbox.pending(session)


def rice(**changes: Any) -> dict[str, Any]:
    return {"category": "food.rice", "quantity": 50, "urgency": "urgent", "reason": "家中断粮，老人行动不便"} | changes


def offer(**changes: Any) -> dict[str, Any]:
    soon, keeps = ((datetime.now(UTC) + timedelta(days=days)).isoformat() for days in (30, 740))
    stated = {"kind": "goods", "category": "food.rice", "unit": "kg", "quantity": 100, "region": "5109", "valid_until": soon}
    return stated | {"best_before": keeps} | changes
