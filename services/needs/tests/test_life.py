"""Needs remind, expire, are renewed and met; every change is a row of their history."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from chassis.data.database import new_id
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of, assert_retold, auditor_of
from chassis.testing.twins import altered, unguarded
from contracts.generate import example_of
from contracts.matching import MatchAccepted, MatchClosed, MatchReceived, MatchSent
from contracts.needs import NeedExpired, NeedExpiring, NeedMet, NeedPublished, NeedRenewed
from needs import actions
from needs.life import actions as life
from needs.snapshots import SNAPSHOTS

from .conftest import VILLAGE, household_in, pending, rice

DAYS = 60
"""The days of a need for rice."""


@pytest.fixture
def account(database: RolledBack) -> Person:
    person = Person("household")
    household_in(database, VILLAGE, person)
    return person


@pytest.fixture
def need(client: Client, account: Person, town: Person) -> str:
    """A published need of a household with an account."""
    path = f"/v1/needs/{client.post('/v1/needs', rice(), by=account).json['id']}"
    assert client.post(f"{path}/verification", by=town).status_code == 201
    return path


def pass_days(database: RolledBack, days: int) -> None:
    with database.begin() as session:
        session.execute(text("UPDATE needs SET expires_at = expires_at - make_interval(days => :days)"), {"days": days})


def run(database: RolledBack, timer: Any) -> None:
    with database.begin() as session:
        timer(session)


def told(database: RolledBack, kind: type[Any]) -> list[Any]:
    return [event for event in pending(database) if isinstance(event, kind)]


def heard(database: RolledBack, kind: type[Any], need: str, version: int, match_id: UUID, quantity: int, **changes: Any) -> None:
    ids = {"need_id": UUID(need[-36:]), "match_id": match_id, "version": version, "quantity": quantity}
    with database.begin() as session:
        actions.record_matches(session, [replace(example_of(kind), **ids, **changes)])


def days_left(answer: dict[str, Any]) -> int:
    return round((datetime.fromisoformat(answer["expires_at"]) - datetime.now(UTC)).total_seconds() / 86_400)


def test_published_need_expires_unless_it_is_renewed(client: Client, database: RolledBack, account: Person, need: str) -> None:
    assert days_left(client.get(need).json) == DAYS
    for timer in (life.remind_of_expiry, life.expire_needs):
        run(database, timer)
    assert told(database, NeedExpiring) == []
    pass_days(database, DAYS - 7)
    for _ in range(2):
        run(database, life.remind_of_expiry)
    [reminder] = told(database, NeedExpiring)
    assert (reminder.account_id, reminder.version) == (account.id, 3)
    renewed = client.post(f"{need}/renewal", by=account)
    assert (renewed.status_code, days_left(renewed.json), renewed.json["version"]) == (201, DAYS, 4)
    [event] = told(database, NeedRenewed)
    assert event.renewed_by == account.id
    pass_days(database, DAYS + 1)
    run(database, life.expire_needs)
    assert client.get(need).json["state"] == "published", "its side was not reminded of this period"
    run(database, life.remind_of_expiry)
    assert days_left(client.get(need).json) == 3
    pass_days(database, 3)
    run(database, life.expire_needs)
    assert (client.get(need).json["state"], client.get("/v1/needs").json["items"]) == ("expired", [])
    [expired] = told(database, NeedExpired)
    assert expired.version == 6
    assert_retold(database, SNAPSHOTS, restated=[NeedRenewed, NeedExpiring])


REMINDED = "Need.expiring_at.is_not(None), "


@pytest.mark.parametrize("guard", [REMINDED, unguarded("", "without the guard, a need ends that nobody was reminded of")])
def test_nothing_expires_without_a_reminder(
    client: Client, database: RolledBack, need: str, monkeypatch: pytest.MonkeyPatch, guard: str
) -> None:
    monkeypatch.setattr(life, "expire_needs", altered(life.expire_needs, REMINDED, guard))
    pass_days(database, DAYS + 30)
    run(database, life.expire_needs)
    assert client.get(need).json["state"] == "published"


def test_needs_of_before_expire_a_whole_period_from_now(client: Client, database: RolledBack, need: str) -> None:
    with database.begin() as session:
        session.execute(text("UPDATE needs SET expires_at = NULL, published_at = published_at - interval '400 days'"))
    for timer in (life.remind_of_expiry, life.expire_needs, life.set_missing_expiries):
        run(database, timer)
    assert (client.get(need).json["state"], days_left(client.get(need).json)) == ("published", DAYS)


def test_own_side_alone_renews_a_need(
    client: Client, database: RolledBack, town: Person, village: Person, account: Person, need: str
) -> None:
    for other in (town, village):
        assert client.post(f"{need}/renewal", by=other).json["code"] == "not_allowed"
    for stranger in (administrator_of(database, "510923"), Person("household")):
        assert client.post(f"{need}/renewal", by=stranger).status_code == 404
    assert client.post(f"{need}/renewal", by=account, headers={"If-Match": '"1"'}).json["code"] == "stale"
    waiting = client.post("/v1/needs", rice(), by=account).json
    assert client.post(f"/v1/needs/{waiting['id']}/renewal", by=account).json["code"] == "state_conflict"
    assert "renew_need" not in waiting["allowed"]
    assert "renew_need" in client.get(need, by=account).json["allowed"]


def test_need_of_which_everything_was_received_is_met(client: Client, database: RolledBack, account: Person, need: str) -> None:
    first, second = new_id(), new_id()
    for match_id, quantity in ((first, 20), (second, 30)):
        heard(database, MatchAccepted, need, 2, match_id, quantity)
        heard(database, MatchSent, need, 3, match_id, quantity, sent=quantity)
    heard(database, MatchReceived, need, 4, first, 20, sent=20, received=20)
    heard(database, MatchReceived, need, 4, second, 30, sent=30, received=29)
    assert client.get(need, by=account).json["state"] == "published"
    third = new_id()
    heard(database, MatchReceived, need, 4, third, 1, sent=1, received=1)
    shown = client.get(need).json
    assert (shown["state"], shown["delivered"], client.get("/v1/needs").json["items"]) == ("met", 50, [])
    heard(database, MatchClosed, need, 5, third, 1, sent=1, received=1, reason="delivered")
    [met] = told(database, NeedMet)
    assert (met.version, met.quantity) == (3, 50)
    assert client.post(f"{need}/closing", {"reason": "other"}, by=account).status_code == 403
    assert_retold(database, SNAPSHOTS)


def test_need_that_was_withdrawn_is_not_met(client: Client, database: RolledBack, account: Person, need: str) -> None:
    assert client.post(f"{need}/withdrawal", by=account).status_code == 201
    heard(database, MatchReceived, need, 4, new_id(), 50, sent=50, received=50)
    assert client.get(need, by=account).json["state"] == "withdrawn"
    assert told(database, NeedMet) == []


def test_history_has_a_row_for_every_change(
    client: Client, database: RolledBack, account: Person, town: Person, village: Person, need: str
) -> None:
    pass_days(database, DAYS)
    run(database, life.remind_of_expiry)
    client.post(f"{need}/renewal", by=account)
    with database.begin() as session:
        session.execute(text("UPDATE needs SET version = version + 1, quantity = 40"))
    client.post(f"{need}/closing", {"reason": "met_elsewhere"}, by=village)
    rows = client.get(f"{need}/history", by=account).json["items"]
    assert [(row["version"], row["act"], row["actor"], row["state"], row["quantity"]) for row in reversed(rows)] == [
        (1, "posted", "household", "posted", 50),
        (2, "published", "administrator", "published", 50),
        (3, "reminded", "system", "published", 50),
        (4, "renewed", "household", "published", 50),
        (5, "changed", "system", "published", 40),
        (6, "closed", "administrator", "closed", 40),
    ]
    assert rows[0]["reason"] == "met_elsewhere"
    assert {row["reason"] for row in rows[1:]} == {None}
    assert "断粮" not in str(rows)


def test_history_is_for_the_side_reviewers_and_auditors(client: Client, database: RolledBack, account: Person, need: str) -> None:
    for reader in (account, administrator_of(database, VILLAGE[:6]), auditor_of(database, VILLAGE[:4])):
        assert client.get(f"{need}/history", by=reader).status_code == 200
    for stranger in (administrator_of(database, "510923"), Person("household")):
        assert client.get(f"{need}/history", by=stranger).status_code == 404
    assert client.get(f"{need}/history", by=Person("donor")).status_code == 403
    assert client.get(f"{need}/history").status_code == 401


def test_closing_names_who_closed(client: Client, database: RolledBack, town: Person, need: str) -> None:
    client.post(f"{need}/closing", {"reason": "other"}, by=town)
    with database.begin() as session:
        found = session.execute(text("SELECT act, by_id FROM need_history ORDER BY id DESC LIMIT 1")).one()
    assert tuple(found) == ("closed", town.id)
    assert told(database, NeedPublished)


def test_renewal_by_the_poster_is_recorded_about_the_household(
    client: Client, database: RolledBack, household: UUID, village: Person, town: Person
) -> None:
    need = f"/v1/needs/{client.post('/v1/needs', rice(household_id=str(household), consent='slip'), by=village).json['id']}"
    client.post(f"{need}/verification", by=town)
    assert client.post(f"{need}/renewal", by=village).status_code == 201
    with database.begin() as session:
        entry = session.execute(text("SELECT actor_id, person_id FROM audit.entries WHERE act = 'renew_need'")).one()
    assert tuple(entry) == (village.id, household)
