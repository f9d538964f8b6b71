"""Administrators as each service records them: events arrive in any order, late and more than once."""

from datetime import UTC, datetime
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from keeper import unguarded
from sqlalchemy import text

from chassis.data import appointments
from chassis.data.appointments import managers_of, record, regions_of
from chassis.data.database import new_id
from chassis.testing.fixtures import RolledBack, database_fixtures
from chassis.testing.twins import altered_sql
from contracts.users import AdministratorAppointed, AdministratorDismissed

engine, database = database_fixtures("pantry")

COUNTY = "510903"
AT = datetime(2026, 3, 1, tzinfo=UTC)
NEWER_WINS = " WHERE appointments.version < excluded.version"


def appointed(person: UUID, appointment_id: UUID, region: str = COUNTY) -> AdministratorAppointed:
    return AdministratorAppointed(
        version=1, appointment_id=appointment_id, user_id=person, region=region, appointed_by=None, appointed_at=AT
    )


def dismissed(person: UUID, appointment_id: UUID, region: str = COUNTY) -> AdministratorDismissed:
    return AdministratorDismissed(
        version=2, appointment_id=appointment_id, user_id=person, region=region, dismissed_by=new_id(), dismissed_at=AT
    )


def happen(database: RolledBack, *batches: list[Any]) -> None:
    for batch in batches:
        with database.begin() as session:
            record(session, batch)


@pytest.mark.parametrize(
    "condition", [NEWER_WINS, unguarded("", "without the version, a late appointment puts a dismissed person in office")]
)
@pytest.mark.parametrize("are_in_one_batch", [False, True])
def test_dismissed_person_stays_dismissed_in_any_order(
    database: RolledBack, monkeypatch: pytest.MonkeyPatch, are_in_one_batch: bool, condition: str
) -> None:
    monkeypatch.setattr(appointments, "_NOTE", altered_sql(appointments._NOTE, NEWER_WINS, condition))
    for order in permutations(range(3)):
        person, appointment_id = new_id(), new_id()
        events = [appointed(person, appointment_id), dismissed(person, appointment_id), appointed(person, appointment_id)]
        arriving = [events[place] for place in order]
        happen(database, *([arriving] if are_in_one_batch else [[event] for event in arriving]))
        with database.begin() as session:
            assert regions_of(session, person) == []
            assert managers_of(session, [COUNTY]) == {}


def test_person_appointed_again_holds_the_new_appointment(database: RolledBack) -> None:
    person, first, second = new_id(), new_id(), new_id()
    happen(database, [dismissed(person, first)], [appointed(person, second, "5109")], [appointed(person, first)])
    with database.begin() as session:
        assert regions_of(session, person) == ["5109"]
        assert managers_of(session, [COUNTY]) == {"5109": {person}}
        assert session.scalar(text("SELECT count(*) FROM appointments")) == 2


@pytest.mark.parametrize("is_sorted", [True, unguarded(False, "without sorting, two batches wait for each other's rows")])
def test_batch_is_written_in_the_order_of_ids(database: RolledBack, monkeypatch: pytest.MonkeyPatch, is_sorted: bool) -> None:
    if not is_sorted:
        monkeypatch.setattr(appointments, "sorted", lambda events, key: events, raising=False)
    ids = [new_id() for _ in range(5)]
    happen(database, [appointed(new_id(), one) for one in reversed(ids)])
    with database.begin() as session:
        assert session.scalars(text("SELECT id FROM appointments ORDER BY ctid")).all() == ids


def test_empty_batch_records_nothing(database: RolledBack) -> None:
    happen(database, [])
    with database.begin() as session:
        assert session.scalar(text("SELECT count(*) FROM appointments")) == 0
