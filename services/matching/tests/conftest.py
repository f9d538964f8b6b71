"""A database of matching that is rolled back after each test, its API, and needs and pledges from events."""

from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import pytest
from msgspec.structs import replace
from sqlalchemy.orm import Session

from chassis.data import items
from chassis.data.database import new_id
from chassis.messaging import outbox
from chassis.testing.fixtures import RolledBack, api_fixtures
from contracts.event import Event
from contracts.generate import example_of
from contracts.needs import CatalogueChanged, NeedPublished, NeedWithdrawn, PledgeChanged, PledgeOffered, PledgeWithdrawn
from matching.api import api
from matching.clearing import actions

VILLAGE = "510903001001"
DAYS = timedelta(days=1)
E = TypeVar("E", bound=Event)


without_items, database, client = api_fixtures("matching", api)
ITEMS = {
    "food.rice": ("kg", "goods", "大米", "Rice", "", "", ""),
    "clothing.quilt": ("piece", "goods", "棉被", "Quilt", "床", "", ""),
    "employment.job": ("person", "job", "就业岗位", "Job", "个", "", ""),
    "farming.training": ("person", "training", "农技培训", "Farming training", "", "", ""),
    "health.visit": ("visit", "service", "上门诊疗", "Home visit", "", "", ""),
    "industry.eggs": ("kg", "purchase", "帮销鸡蛋", "Sale of eggs", "", "鸡蛋", "eggs"),
    "money.living": ("fen", "money", "生活补助", "Living allowance", "", "", ""),
}
"""Items of the catalogue: unit, kind, names, measure word, nouns."""


@pytest.fixture(scope="session")
def engine(without_items: RolledBack) -> RolledBack:
    """The database, which has heard of some items of the catalogue."""
    names = ("unit", "kind", "zh", "en", "measure", "noun_zh", "noun_en")
    heard = [
        replace(example_of(CatalogueChanged), item_id=new_id(), category=category, **dict(zip(names, words, strict=True)))
        for category, words in ITEMS.items()
    ]
    with Session(without_items.engine) as session, session.begin():
        items.record(session, heard)
    return without_items


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
    stated = {name: getattr(pledge, name) for name in pledge.__struct_fields__ if name in PledgeChanged.__struct_fields__}
    return PledgeChanged(**stated | {"version": pledge.version + 1, "changed_at": datetime.now(UTC)} | changes)


def taken_back(pledge: PledgeOffered, version: int = 2) -> PledgeWithdrawn:
    stated = {name: getattr(pledge, name) for name in pledge.__struct_fields__ if name in PledgeWithdrawn.__struct_fields__}
    return PledgeWithdrawn(**stated | {"version": version, "withdrawn_at": datetime.now(UTC)})


def clear(database: RolledBack) -> int:
    """One clearing; how many proposals it made."""
    with database.begin() as session:
        return actions.clear(session, 3 * DAYS).proposals


def told(database: RolledBack, kind: type[E]) -> list[E]:
    with database.begin() as session:
        return [event for event in outbox.pending(session) if isinstance(event, kind)]
