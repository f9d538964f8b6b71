"""Notices about the life of needs: expiry, what was met, quantities that nobody knows, and silent villages."""

from datetime import UTC, datetime

from chassis.data.database import new_id
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of
from contracts.needs import NeedExpiring, NeedMet, NeedRejected, NeedRenewed, VillageFellSilent

from .conftest import example, write_notices

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


def test_unknown_quantity_is_not_said_as_one(client: Client, database: RolledBack) -> None:
    household = Person("household")
    stated = {"account_id": household.id, "poster_id": household.id, "quantity": 1}
    write_notices(database, example(NeedRejected, quantity_unknown=True, **stated))
    write_notices(database, example(NeedRejected, need_id=new_id(), quantity_unknown=False, **stated))
    known, unknown = texts(client, household)
    assert ("1" in known, "1" in unknown) == (True, False)


def test_township_learns_of_a_silent_village(client: Client, database: RolledBack) -> None:
    village, town, county = (administrator_of(database, VILLAGE[:digits]) for digits in (12, 9, 6))
    write_notices(database, example(VillageFellSilent, village=VILLAGE, region=VILLAGE[:9]))
    assert [len(texts(client, person)) for person in (village, town, county)] == [0, 1, 0]
