"""Administrators are told what waits for them: the nearest who may decide it, once of a kind until they have read that."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from chassis.data.database import Database, new_id
from chassis.testing.fixtures import Client, RolledBack, administrator_of
from contracts.event import Event
from contracts.matching import AppealLodged, DisputeOpened, DisputeRaised, DisputeReminded, ThanksWritten
from notify import actions
from notify.sides import ADMINISTRATOR, FACTS

from .conftest import example, notices, tell, told

VILLAGE = "510903100201"
WAITING = sorted((kind for kind, sides in FACTS.items() if ADMINISTRATOR in sides), key=lambda kind: kind.__name__)
SUBJECTS = {ThanksWritten: "thanks_id", AppealLodged: "appeal_id"}


def another(kind: type[Event], **changes: Any) -> Any:
    return example(kind, **{SUBJECTS.get(kind, "dispute_id"): new_id(), "region": VILLAGE} | changes)


def told_of_waiting(database: RolledBack) -> list[UUID]:
    return [notice.recipient_id for notice in notices(database) if notice.side == ADMINISTRATOR]


class Around:
    """The administrators around a village."""

    def __init__(self, database: RolledBack) -> None:
        self.village, self.town = administrator_of(database, VILLAGE), administrator_of(database, VILLAGE[:9])
        self.county, self.city = administrator_of(database, VILLAGE[:6]), administrator_of(database, VILLAGE[:4])
        administrator_of(database, "5107")


@pytest.fixture
def around(database: RolledBack) -> Around:
    return Around(database)


@pytest.mark.parametrize("kind", [DisputeOpened, ThanksWritten])
def test_the_place_is_told_of_what_it_may_decide(database: RolledBack, around: Around, kind: type[Event]) -> None:
    tell(database, another(kind))
    assert told_of_waiting(database) == [around.village.id]


@pytest.mark.parametrize("kind", [AppealLodged, DisputeRaised, DisputeReminded])
def test_the_county_is_told_of_what_only_it_may_decide(database: RolledBack, around: Around, kind: type[Event]) -> None:
    tell(database, another(kind))
    assert told_of_waiting(database) == [around.county.id]


@pytest.mark.parametrize("kind", [AppealLodged, DisputeRaised, DisputeReminded, DisputeOpened])
def test_who_took_part_is_passed_over_for_the_next_who_may_decide(database: RolledBack, around: Around, kind: type[Event]) -> None:
    tell(database, another(kind, involved=[around.county.id, around.village.id]))
    assert told_of_waiting(database) == [around.town.id if kind is DisputeOpened else around.city.id]


def test_of_what_the_county_lets_wait_too_long_those_above_it_are_told_too(database: RolledBack, around: Around) -> None:
    tell(database, another(DisputeReminded, overdue=True))
    assert set(told_of_waiting(database)) == {around.county.id, around.city.id}


def test_who_wrote_thanks_is_told_that_they_wait_only_where_nobody_else_could_release_them(database: RolledBack) -> None:
    alone = administrator_of(database, VILLAGE)
    tell(database, another(ThanksWritten, author_id=alone.id))
    assert told_of_waiting(database) == [alone.id]
    town = administrator_of(database, VILLAGE[:9])
    tell(database, another(ThanksWritten, author_id=alone.id))
    assert told_of_waiting(database) == [alone.id, town.id]


@pytest.mark.parametrize("kind", WAITING)
def test_of_many_things_of_a_kind_that_wait_an_administrator_is_told_once_until_they_have_read_it(
    database: RolledBack, around: Around, client: Client, kind: type[Event]
) -> None:
    reader = around.village if kind in {DisputeOpened, ThanksWritten} else around.county
    for _ in range(3):
        tell(database, *(another(kind, version=version) for version in (1, 2, 3)))
    assert told_of_waiting(database) == [reader.id]
    [notice] = [notice for notice in notices(database) if notice.side == ADMINISTRATOR]
    assert [event.notice_id for event in told(database)].count(notice.id) == 1
    [shown] = [notice for notice in client.get("/v1/notices", by=reader).json["items"] if notice["side"] == "administrator"]
    assert client.post(f"/v1/notices/{shown['id']}/reading", by=reader).status_code == 201
    tell(database, another(kind))
    assert told_of_waiting(database) == [reader.id, reader.id]


def test_kinds_that_wait_do_not_hide_each_other(database: RolledBack, around: Around) -> None:
    tell(database, *(another(kind) for kind in WAITING))
    assert sorted(notice.kind for notice in notices(database) if notice.side == ADMINISTRATOR) == [
        "appeal_lodged", "dispute_opened", "dispute_raised", "dispute_reminded", "thanks_written",
    ]  # fmt: skip


def test_what_is_overdue_is_told_to_who_has_not_read_that_it_was_due(database: RolledBack, around: Around) -> None:
    due = another(DisputeReminded)
    tell(database, due)
    tell(database, replace(due, version=due.version + 1, overdue=True))
    kinds = [notice.kind for notice in notices(database) if notice.recipient_id == around.county.id]
    assert sorted(kinds) == ["dispute_overdue", "dispute_reminded"]


@pytest.mark.parametrize("kind", WAITING)
def test_what_administrators_are_told_names_nobody(database: RolledBack, around: Around, kind: type[Event]) -> None:
    event = another(kind, account_id=new_id()) if "account_id" in kind.__struct_fields__ else another(kind)
    tell(database, event)
    ids = ("household_id", "account_id", "poster_id", "pledger_id", "author_id", "appellant_id")
    people = {str(getattr(event, name, None)) for name in ids}
    for notice in notices(database):
        assert not people & {str(value) for value in notice.facts.values()}
        assert "involved" not in notice.facts


def test_who_left_office_is_told_no_more(database: RolledBack, around: Around) -> None:
    with database.begin() as session:
        session.execute(text("UPDATE appointments SET ended_at = now() WHERE user_id = :id"), {"id": around.village.id})
    tell(database, another(DisputeOpened))
    assert told_of_waiting(database) == [around.town.id]


def test_where_nobody_manages_the_place_nobody_is_told(database: RolledBack) -> None:
    tell(database, *(another(kind) for kind in WAITING))
    assert told_of_waiting(database) == []


@pytest.fixture
def real(database_of: Callable[[str, str], str]) -> Iterator[Database]:
    database = Database(database_of("notify", "notify_administrators"), name="administrators", lock_timeout_ms=20_000)
    yield database
    database.close()


@pytest.mark.parametrize(
    "by_person",
    [
        True,
        pytest.param(False, marks=pytest.mark.xfail(strict=True, raises=AssertionError, reason="each waits for whom the other wrote to")),
    ],
)
def test_batches_about_different_things_that_wait_for_the_same_people_do_not_deadlock(
    real: Database, monkeypatch: pytest.MonkeyPatch, by_person: bool
) -> None:
    if not by_person:
        lines = str(actions._WRITE)
        monkeypatch.setattr(
            actions, "_WRITE", text(lines[: lines.index("ORDER BY")] + "ORDER BY about" + lines[lines.index(" ON CONFLICT") :])
        )
    here, between, there = VILLAGE, "510922001001", "513401001001"
    with real.begin() as session:
        for region in (here, between, there):
            row = {"id": new_id(), "user": new_id(), "region": region}
            session.execute(text("INSERT INTO appointments (id, user_id, region, version) VALUES (:id, :user, :region, 1)"), row)
    batches = [[another(ThanksWritten, region=region) for region in way] for way in ((here, between, there), (there, between, here))]

    def goes_through(batch: list[Any]) -> bool:
        try:
            with real.begin() as session:
                session.execute(text("SET LOCAL deadlock_timeout = '50ms'"))
                actions.tell(session, batch)
        except OperationalError as error:
            assert "deadlock" in str(error)
            return False
        return True

    with ThreadPoolExecutor(2) as threads:
        with real.begin() as session:
            actions.tell(session, [another(ThanksWritten, region=between)])
            jobs = [threads.submit(goes_through, batch) for batch in batches]
            until_both_wait(real)
            session.rollback()
        assert {job.result() for job in jobs} == {True}
    with real.begin() as session:
        assert session.scalar(text("SELECT count(*) FROM notices")) == 3


def until_both_wait(database: Database) -> None:
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
    deadline = time.monotonic() + 20
    while True:
        with database.begin() as session:
            if session.scalar(waiting) == 2:
                return
        assert time.monotonic() < deadline, "they never waited both"
        time.sleep(0.01)
