"""Lists that are read while needs are published and closed: no page fails, and no need stands twice behind its cursors."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from chassis.data.audit_log import id_at
from chassis.data.database import Database, new_id, now
from chassis.http.app import create_app
from chassis.testing.fixtures import Client, KnownKeys, Person
from needs.api import api
from needs.hall.words import list_bigrams
from needs.model import Need

NEEDS, READINGS = 120, 10
STANDING = 10
"""Needs that nobody changes, so that the public always sees their township."""


@pytest.fixture(scope="module")
def real(database_of: Callable[[str, str], str]) -> Iterator[Database]:
    database = Database(database_of("needs", "needs_racing"), name="racing")
    with database.begin() as session:
        for number in range(NEEDS):
            at = now() - timedelta(minutes=number)
            urgency: Any = "critical" if number < STANDING else ("normal", "urgent")[number % 2]
            need = Need(
                id=UUID(int=id_at(at).int + number), household_id=new_id(), poster_id=new_id(), region="510903001001",
                category=("food.rice", "food.oil")[number % 2], unit="kg", quantity=5, urgency=urgency,
                reason="家中断粮", state="published", posted_at=at, published_at=at,
            )  # fmt: skip
            need.words = sorted(list_bigrams("老人独自生活"))
            session.add(need)
    yield database
    database.close()


def change(database: Database, stopping: threading.Event) -> None:
    """Publish half of the needs and close the other half, again and again."""
    shown = False
    while not stopping.is_set():
        for half in (0, 1):
            with database.begin() as session:
                session.execute(
                    text("UPDATE needs SET state = :state WHERE urgency = :half"),
                    {"state": "published" if shown == bool(half) else "closed", "half": ("normal", "urgent")[half]},
                )
        shown = not shown


@pytest.mark.parametrize(
    "query",
    [{}, {"sort": "most_urgent"}, {"sort": "nearest", "near": "510903001"}, {"q": "老人独自"}, {"category": "food", "open": "true"}],
)
def test_pages_read_during_changes_repeat_no_need(real: Database, keys: KnownKeys, query: dict[str, str]) -> None:
    app = create_app("needs", api, database=real, keys=keys)
    stopping, faults = threading.Event(), list[Any]()
    changing = threading.Thread(target=change, args=(real, stopping))

    def read(caller: Person | None) -> None:
        client = Client(app.test_client(), keys)
        for _ in range(READINGS):
            found, cursor = list[str](), dict[str, str]()
            while True:
                answer = client.get("/v1/needs", by=caller, limit=7, **query, **cursor)
                if answer.status_code != 200:
                    faults.append(answer.text)
                    return
                found += [one["id"] for one in answer.json["items"]]
                if answer.json["next"] is None:
                    break
                cursor = {"cursor": answer.json["next"]}
            if len(found) != len(set(found)):
                faults.append(found)
                return

    readers = [threading.Thread(target=read, args=(caller,)) for caller in (None, Person("donor"), None)]
    changing.start()
    for one in readers:
        one.start()
    for one in readers:
        one.join()
    stopping.set()
    changing.join()
    assert faults == []
