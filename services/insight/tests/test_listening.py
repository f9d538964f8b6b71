"""What insight makes of what it hears."""

import pytest
from sqlalchemy import func, select

from chassis.database import new_id
from chassis.inbox import inbox
from chassis.testing.fixtures import RolledBack
from contracts.event import Event
from contracts.needs import NeedClosed, NeedPublished, NeedWithdrawn

from .conftest import hear, needs, told_of


def test_a_published_need_is_known_and_open(database: RolledBack) -> None:
    hear(database, event := told_of(version=2))
    assert needs(database) == {event.need_id: (2, False)}


def test_an_event_that_arrives_twice_is_heard_once(database: RolledBack) -> None:
    event, event_id = told_of(), new_id()
    for _ in range(2):
        hear(database, event, event_id)
    with database.begin() as session:
        assert session.scalar(select(func.count()).select_from(inbox)) == 1
    assert len(needs(database)) == 1


@pytest.mark.parametrize("end", [NeedWithdrawn, NeedClosed])
def test_a_need_that_ends_is_known_as_ended_and_an_older_version_changes_nothing(database: RolledBack, end: type[Event]) -> None:
    published = told_of(version=2)
    hear(database, published)
    hear(database, told_of(end, need_id=published.need_id, version=3))
    hear(database, published)
    assert needs(database) == {published.need_id: (3, True)}


def test_an_end_that_is_heard_before_its_beginning_stays_the_end(database: RolledBack) -> None:
    withdrawn = told_of(NeedWithdrawn, version=3)
    hear(database, withdrawn)
    hear(database, told_of(NeedPublished, need_id=withdrawn.need_id, version=2))
    assert needs(database) == {withdrawn.need_id: (3, True)}
