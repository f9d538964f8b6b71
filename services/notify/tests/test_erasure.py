"""Notices to people who were erased are deleted."""

from datetime import UTC, datetime, timedelta

import pytest

from chassis.data.database import new_id
from chassis.testing.fixtures import RolledBack
from contracts.users import PersonErased
from notify import actions

from .conftest import notices, proposal, write_notices


def test_notices_to_an_erased_person_are_deleted(database: RolledBack) -> None:
    gone, stays = new_id(), new_id()
    write_notices(database, proposal(pledger_id=gone), proposal(pledger_id=stays))
    event = PersonErased(version=2, person_id=gone, account_id=gone, household_id=None, erased_at=datetime.now(UTC))
    with database.begin() as session:
        actions.delete_notices(session, [event])
    assert {notice.recipient_id for notice in notices(database)} >= {stays}
    assert gone not in {notice.recipient_id for notice in notices(database)}


def test_old_notices_are_deleted(database: RolledBack, monkeypatch: pytest.MonkeyPatch) -> None:
    write_notices(database, proposal())
    for days, left in ((1094, True), (1096, False)):
        monkeypatch.setattr(actions, "now", lambda days=days: datetime.now(UTC) + timedelta(days=days))
        with database.begin() as session:
            actions.delete_old_notices(session)
        assert bool(notices(database)) is left
