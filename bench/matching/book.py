"""The book of the bench: needs and pledges of the first release's items all over the country, and events for more."""

import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import psycopg
from psycopg import sql
from rich.console import Console
from rich.progress import track

from bench.matching.items import FIRST
from chassis.data.database import new_id
from contracts import regions
from contracts.needs import NeedPublished, PledgeOffered

SCOPES = {0: 5, 2: 10, 4: 15, 6: 30, 9: 25, 12: 15}
"""Of a hundred pledges, how many go to the whole country, to one province, and so on down to one village."""
OF_A_GROUP = 0.2
"""The share of pledges for whatever of a group is needed."""
MOST_ASKED, MOST_OFFERED, FOUNDATION = 5, 50, 10**8
CHARITY = "某县慈善会"
YEAR, ANSWER_WITHIN = timedelta(days=365), timedelta(hours=72)


@cache
def villages() -> list[str]:
    return [code for code, _ in regions.rows() if len(code) == 12]


@cache
def items() -> list[tuple[str, str]]:
    """Return the items of the bench with their units."""
    return sorted(FIRST.items())


def published(luck: random.Random) -> NeedPublished:
    """Draw a need of some household in any village."""
    at = datetime.now(UTC)
    category, unit = luck.choice(items())
    return NeedPublished(
        version=2, need_id=new_id(), household_id=new_id(), account_id=None, poster_id=new_id(), region=luck.choice(villages()),
        category=category, unit=unit, quantity=luck.randint(1, MOST_ASKED), urgency=luck.choice(["normal", "normal", "urgent", "critical"]),
        posted_at=at, published_at=at, charity=CHARITY if unit == "fen" else None,
    )  # fmt: skip


def offered(luck: random.Random) -> PledgeOffered:
    """Draw a pledge for one village or for a region around it."""
    at = datetime.now(UTC)
    category, unit = luck.choice(items())
    if luck.random() < OF_A_GROUP:
        category = category.partition(".")[0]
    [length] = luck.choices(list(SCOPES), list(SCOPES.values()))
    return PledgeOffered(
        version=1, pledge_id=new_id(), pledger_id=new_id(), kind="goods", category=category, unit=unit,
        quantity=luck.randint(1, MOST_OFFERED), region=luck.choice(villages())[:length], valid_until=at + YEAR, offered_at=at,
    )  # fmt: skip


def foundations() -> list[PledgeOffered]:
    """Make one nationwide pledge for each item, the youngest of all: the last resort, so that no need stays unmatched."""
    at = datetime.now(UTC)
    return [
        PledgeOffered(
            version=1, pledge_id=new_id(), pledger_id=new_id(), kind="goods", category=category, unit=unit, quantity=FOUNDATION, region="",
            valid_until=at + YEAR, offered_at=at,
        )
        for category, unit in items()
    ]  # fmt: skip


def fill(connection: psycopg.Connection[Any], table: str, count: int, luck: random.Random) -> None:
    """COPY `count` rows, each like the row that the service itself entered, apart from what differs between needs."""
    with connection.cursor() as cursor:
        with cursor.copy(sql.SQL("COPY {} TO STDOUT (HEADER)").format(sql.Identifier(table))) as copy:
            names, like, *_ = (line.split("\t") for line in b"".join(bytes(part) for part in copy).decode().splitlines())
        rows = _needs(luck) if table == "needs" else _pledges(luck)
        places = {name: place for place, name in enumerate(names)}
        with cursor.copy(sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))) as copy:
            for _ in track(range(count), f"{table} {count:,}", console=Console(stderr=True), update_period=1):
                line = like.copy()
                for name, value in next(rows).items():
                    line[places[name]] = value
                copy.write("\t".join(line) + "\n")


def _needs(luck: random.Random) -> Iterator[Mapping[str, str]]:
    while True:
        one = published(luck)
        posted = datetime.now(UTC) - timedelta(seconds=luck.randint(1, 30 * 86_400))
        yield {
            "id": str(one.need_id), "household_id": str(one.household_id), "poster_id": str(one.poster_id), "region": one.region,
            "category": one.category, "unit": one.unit, "quantity": str(one.quantity), "rest": str(one.quantity),
            "urgency": str(luck.choice((1, 1, 2, 4))), "posted_at": posted.isoformat(),
        }  # fmt: skip


def _pledges(luck: random.Random) -> Iterator[Mapping[str, str]]:
    while True:
        one = offered(luck)
        at = datetime.now(UTC) - timedelta(seconds=luck.randint(1, 30 * 86_400))
        yield {
            "id": str(one.pledge_id), "pledger_id": str(one.pledger_id), "category": one.category, "unit": one.unit, "scope": one.region,
            "quantity": str(one.quantity), "rest": str(one.quantity), "offered_at": at.isoformat(),
        }  # fmt: skip
