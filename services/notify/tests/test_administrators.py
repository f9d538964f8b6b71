"""Notices to administrators: the nearest who may decide get one notice of a kind until they have read it."""

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
from chassis.testing.twins import unguarded
from contracts.event import Event, name_of, subject_field
from contracts.matching import AppealLodged, DisputeOpened, DisputeRaised, DisputeReminded, ThanksWritten
from contracts.needs import NeedConfirmed, NeedPosted, ReviewOverdue, ReviewReminded, VerificationFaulted
from contracts.notices import by_event
from contracts.users import HouseholdMoved
from notify import actions
from notify.rules import ADMINISTRATOR

from .conftest import example, notices, published, with_account, write_notices

VILLAGE = "510903100208"
TOLD = {event for event, sides in by_event().items() if any(one.side == ADMINISTRATOR for one in sides)}
WAITING = sorted(TOLD - {HouseholdMoved, ReviewOverdue, VerificationFaulted}, key=name_of)
"""The events that tell the administrators of one place; a move and an overdue review tell those of two, a fault its reviewers."""
COUNTY = {AppealLodged, DisputeRaised, DisputeReminded, NeedConfirmed}
"""The events that the county is told."""
TOWN = {NeedPosted, ReviewReminded}
"""The events that those who may verify are told: the township; the nearest administrator is told all others."""


def another(kind: type[Event], **changes: Any) -> Any:
    return example(kind, **{subject_field(kind): new_id(), "region": VILLAGE} | changes)


def administrators_told(database: RolledBack) -> list[UUID]:
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
def test_nearest_administrator_is_told_what_they_may_decide(database: RolledBack, around: Around, kind: type[Event]) -> None:
    write_notices(database, another(kind))
    assert administrators_told(database) == [around.village.id]


@pytest.mark.parametrize("kind", [AppealLodged, DisputeRaised, DisputeReminded])
def test_county_is_told_what_only_it_may_decide(database: RolledBack, around: Around, kind: type[Event]) -> None:
    write_notices(database, another(kind))
    assert administrators_told(database) == [around.county.id]


@pytest.mark.parametrize("kind", [AppealLodged, DisputeRaised, DisputeReminded, DisputeOpened])
def test_administrator_who_took_part_is_passed_over(database: RolledBack, around: Around, kind: type[Event]) -> None:
    write_notices(database, another(kind, involved=[around.county.id, around.village.id]))
    assert administrators_told(database) == [around.town.id if kind is DisputeOpened else around.city.id]


def test_city_is_told_too_of_an_overdue_dispute(database: RolledBack, around: Around) -> None:
    write_notices(database, another(DisputeReminded, overdue=True))
    assert set(administrators_told(database)) == {around.county.id, around.city.id}


def test_posted_need_is_told_to_those_who_may_verify_it(database: RolledBack, around: Around) -> None:
    write_notices(database, another(NeedPosted))
    write_notices(database, another(NeedPosted, poster_id=around.town.id))
    assert administrators_told(database) == [around.town.id, around.village.id]


@pytest.mark.parametrize(("step", "kind", "told"), [
    ("village", "review_overdue", ("town", "county")), ("county", "county_review_overdue", ("county", "city")),
])  # fmt: skip
def test_overdue_review_is_told_to_the_level_above_too(
    database: RolledBack, around: Around, step: str, kind: str, told: tuple[str, ...]
) -> None:
    write_notices(database, another(ReviewOverdue, step=step))
    assert set(administrators_told(database)) == {getattr(around, name).id for name in told}
    assert {notice.kind for notice in notices(database)} == {kind}


def test_first_reviewer_is_not_asked_for_the_second_step(database: RolledBack, around: Around) -> None:
    write_notices(database, another(NeedConfirmed, confirmed_by=around.county.id))
    assert administrators_told(database) == [around.city.id]


def test_author_of_thanks_is_told_only_where_nobody_else_is(database: RolledBack) -> None:
    alone = administrator_of(database, VILLAGE)
    write_notices(database, another(ThanksWritten, author_id=alone.id))
    assert administrators_told(database) == [alone.id]
    town = administrator_of(database, VILLAGE[:9])
    write_notices(database, another(ThanksWritten, author_id=alone.id))
    assert administrators_told(database) == [alone.id, town.id]


@pytest.mark.parametrize("kind", WAITING)
def test_administrator_gets_one_unread_notice_of_a_kind(database: RolledBack, around: Around, client: Client, kind: type[Event]) -> None:
    reader = around.county if kind in COUNTY else around.town if kind in TOWN else around.village
    for _ in range(3):
        write_notices(database, *(another(kind, version=version) for version in (1, 2, 3)))
    assert administrators_told(database) == [reader.id]
    [notice] = [notice for notice in notices(database) if notice.side == ADMINISTRATOR]
    assert [event.notice_id for event in published(database)].count(notice.id) == 1
    [shown] = [notice for notice in client.get("/v1/notices", by=reader).json["items"] if notice["side"] == "administrator"]
    assert client.post(f"/v1/notices/{shown['id']}/reading", by=reader).status_code == 201
    write_notices(database, another(kind))
    assert administrators_told(database) == [reader.id, reader.id]


def test_unread_notices_of_other_kinds_hide_nothing(database: RolledBack, around: Around) -> None:
    write_notices(database, *(another(kind) for kind in WAITING))
    assert sorted(notice.kind for notice in notices(database) if notice.side == ADMINISTRATOR) == [
        "appeal_lodged", "dispute_opened", "dispute_raised", "dispute_reminded", "endpoint_disabled",
        "household_transfer_requested", "need_confirmed",
        "need_posted", "need_reported", "place_change_proposed", "review_reminded", "self_report_opened", "thanks_written",
        "village_fell_silent",
    ]  # fmt: skip


def test_overdue_dispute_is_told_despite_an_unread_reminder(database: RolledBack, around: Around) -> None:
    due = another(DisputeReminded)
    write_notices(database, due)
    write_notices(database, replace(due, version=due.version + 1, overdue=True))
    kinds = [notice.kind for notice in notices(database) if notice.recipient_id == around.county.id]
    assert sorted(kinds) == ["dispute_overdue", "dispute_reminded"]


@pytest.mark.parametrize("kind", WAITING)
def test_notices_to_administrators_name_nobody(database: RolledBack, around: Around, kind: type[Event]) -> None:
    event = with_account(kind)
    write_notices(database, event)
    ids = ("household_id", "account_id", "poster_id", "pledger_id", "author_id", "appellant_id")
    people = {str(getattr(event, name, None)) for name in ids}
    for notice in notices(database):
        assert not people & {str(value) for value in notice.facts.values()}
        assert "involved" not in notice.facts


def test_both_villages_of_a_move_are_told(database: RolledBack, around: Around) -> None:
    beside, mover = administrator_of(database, "510903100209"), administrator_of(database, VILLAGE[:9])
    move = example(HouseholdMoved, household_id=new_id(), region="510903100209", former_region=VILLAGE, moved_by=mover.id)
    write_notices(database, move)
    told = {(notice.kind, notice.recipient_id) for notice in notices(database)}
    assert told == {("household_moved", beside.id), ("household_left", around.village.id)}


def test_administrator_who_moved_a_household_is_not_told(database: RolledBack, around: Around) -> None:
    move = example(HouseholdMoved, household_id=new_id(), region=VILLAGE, former_region="520102016001", moved_by=around.village.id)
    write_notices(database, move)
    assert administrators_told(database) == [around.town.id]


def test_dismissed_administrator_is_told_no_more(database: RolledBack, around: Around) -> None:
    with database.begin() as session:
        session.execute(text("UPDATE appointments SET ended_at = now() WHERE user_id = :id"), {"id": around.village.id})
    write_notices(database, another(DisputeOpened))
    assert administrators_told(database) == [around.town.id]


def test_unmanaged_region_has_no_notice_to_administrators(database: RolledBack) -> None:
    write_notices(database, *(another(kind) for kind in WAITING))
    assert administrators_told(database) == []


@pytest.fixture
def real(database_of: Callable[[str, str], str]) -> Iterator[Database]:
    database = Database(database_of("notify", "notify_administrators"), name="administrators", lock_timeout_ms=20_000)
    yield database
    database.close()


@pytest.mark.parametrize(
    "by_person",
    [
        True,
        unguarded(False, "without sorting by recipient, two batches deadlock"),
    ],
)
def test_concurrent_batches_to_the_same_people_do_not_deadlock(real: Database, monkeypatch: pytest.MonkeyPatch, by_person: bool) -> None:
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
                actions.write_notices(session, batch)
        except OperationalError as error:
            assert "deadlock" in str(error)
            return False
        return True

    with ThreadPoolExecutor(2) as threads:
        with real.begin() as session:
            actions.write_notices(session, [another(ThanksWritten, region=between)])
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
        assert time.monotonic() < deadline, "the two batches never waited for a lock at the same time"
        time.sleep(0.01)
