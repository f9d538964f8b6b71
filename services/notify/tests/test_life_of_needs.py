"""Notices about the life of needs: expiry, what was met, quantities that nobody knows, and silent villages."""

from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from chassis.data.database import new_id
from chassis.problems import LANGUAGES
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of
from contracts.event import Event
from contracts.needs import (
    NeedExpiring,
    NeedMet,
    NeedPosted,
    NeedRejected,
    NeedRenewed,
    NeedReopened,
    NeedReturned,
    NeedWithdrawn,
    ReviewOverdue,
    ReviewReminded,
    VerificationFaulted,
    VillageFellSilent,
)
from contracts.notices import by_event
from notify.rules import notices_of
from notify.words import render

from .conftest import example, with_account, write_notices

VILLAGE = "510903100208"
AT = datetime(2026, 3, 9, 2, tzinfo=UTC)


def texts(client: Client, person: Person) -> list[str]:
    return [notice["text"] for notice in client.get("/v1/notices", by=person).json["items"]]


def test_household_and_poster_are_reminded_of_the_expiry(client: Client, database: RolledBack) -> None:
    household, poster = Person("household"), administrator_of(database, VILLAGE)
    people = {"account_id": household.id, "poster_id": poster.id, "region": VILLAGE}
    write_notices(database, example(NeedExpiring, expires_at=AT, **people), example(NeedMet, need_id=new_id(), **people))
    told = texts(client, household)
    assert [any(words in text for text in told) for words in ("将于 3 月 9 日 10:00 到期", "已全部落实")] == [True, True]
    assert [text.startswith("您代发布") for text in texts(client, poster)] == [True, True]


def test_whoever_renewed_needs_no_notice_of_it(client: Client, database: RolledBack) -> None:
    household, poster = Person("household"), administrator_of(database, VILLAGE)
    people = {"account_id": household.id, "poster_id": poster.id, "region": VILLAGE}
    write_notices(database, example(NeedRenewed, renewed_by=household.id, **people))
    assert texts(client, household) == []
    assert len(texts(client, poster)) == 1


UNVERIFIED = [event for event in by_event() if "quantity_unknown" in event.__struct_fields__]


@pytest.mark.parametrize("kind", UNVERIFIED)
def test_unknown_quantity_is_not_said_as_one(kind: type[Event]) -> None:
    event: Any = replace(with_account(kind), quantity=7654, quantity_unknown=True)
    for unknown in (True, False):
        notices = list(notices_of(replace(event, quantity_unknown=unknown), {"51": {new_id()}}))
        assert notices
        for notice in notices:
            for language in LANGUAGES:
                words = " ".join(render(notice["kind"], notice["side"], notice["facts"], language).values())
                assert ("7,654" in words) is not unknown


def test_events_of_unverified_needs_say_whether_it_is_known() -> None:
    assert {NeedPosted, NeedReturned, NeedRejected, NeedWithdrawn, ReviewReminded, ReviewOverdue} <= {*UNVERIFIED}


def test_township_learns_of_a_silent_village(client: Client, database: RolledBack) -> None:
    village, town, county = (administrator_of(database, VILLAGE[:digits]) for digits in (12, 9, 6))
    write_notices(database, example(VillageFellSilent, village=VILLAGE, region=VILLAGE[:9]))
    assert [len(texts(client, person)) for person in (village, town, county)] == [0, 1, 0]


def test_reviewers_alone_learn_of_a_verification_that_was_wrong(client: Client, database: RolledBack) -> None:
    town, county = (administrator_of(database, VILLAGE[:digits]) for digits in (9, 6))
    fault = example(VerificationFaulted, region=VILLAGE, reviewer_id=town.id, second_reviewer_id=None, reason="not_true", verified_at=AT)
    write_notices(database, fault)
    [text] = texts(client, town)
    assert "3 月 9 日 10:00" in text
    assert "与实际情况不符" in text
    assert texts(client, county) == []


def test_household_learns_why_its_need_is_open_again(client: Client, database: RolledBack) -> None:
    household = Person("household")
    people = {"account_id": household.id, "poster_id": household.id, "region": VILLAGE}
    write_notices(database, example(NeedReopened, reason="renewed", reopened_by=household.id, **people))
    assert texts(client, household) == []
    write_notices(database, example(NeedReopened, need_id=new_id(), reason="not_received", reopened_by=None, **people))
    [text] = texts(client, household)
    assert "没有全部收到" in text
