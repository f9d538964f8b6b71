"""Reports of absurd needs gather, hide the need from the hall, and wait for a reviewer."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of
from chassis.testing.twins import unguarded
from contracts.needs import NeedReported
from needs.reports import rules

from .conftest import pending, rice


@pytest.fixture
def need(client: Client, household: UUID, village: Person, town: Person) -> str:
    posted = client.post("/v1/needs", rice(household_id=str(household), consent="slip"), by=village).json["id"]
    assert client.post(f"/v1/needs/{posted}/verification", by=town).status_code == 201
    return f"/v1/needs/{posted}"


def report(client: Client, need: str, by: Person | None = None, reason: str = "absurd") -> Any:
    return client.post(f"{need}/report", {"reason": reason}, by=by or Person("donor"))


def in_the_hall(client: Client) -> int:
    return len(client.get("/v1/needs").json["items"])


def test_five_reports_hide_a_need_and_tell_once(client: Client, database: RolledBack, need: str) -> None:
    for _ in range(rules.HIDING - 1):
        assert report(client, need).status_code == 201
    assert in_the_hall(client) == 1
    assert report(client, need).status_code == 201
    assert in_the_hall(client) == 0
    assert client.get(need).status_code == 404
    assert report(client, need).status_code == 404
    assert [type(event) for event in pending(database)].count(NeedReported) == 1


def test_an_account_reports_a_need_once(client: Client, database: RolledBack, need: str) -> None:
    donor = Person("donor")
    assert report(client, need, donor).status_code == 201
    for _ in range(rules.HIDING):
        assert report(client, need, donor).json["code"] == "already_reported"
    assert in_the_hall(client) == 1


def test_an_account_reports_ten_needs_a_day(client: Client, database: RolledBack, need: str) -> None:
    donor = Person("donor")
    with database.begin() as session:
        session.execute(text("ALTER TABLE need_reports DROP CONSTRAINT need_reports_need_id_fkey"))
        session.execute(
            text(
                "INSERT INTO need_reports (need_id, account_id, reason, reported_at)"
                " SELECT gen_random_uuid(), :donor, 'other', now() - interval '1 hour' FROM generate_series(1, :most)"
            ),
            {"donor": donor.id, "most": rules.MOST_A_DAY},
        )
    refused = report(client, need, donor)
    assert (refused.status_code, refused.json["code"]) == (429, "too_many_reports")
    assert 80_000 < int(refused.headers["Retry-After"]) <= 82_800


@pytest.mark.parametrize("count", [rules.hides_need, unguarded(lambda _: False, "without the threshold nothing is hidden")])
def test_a_reviewer_clears_reports_and_the_need_returns(
    client: Client, database: RolledBack, need: str, town: Person, monkeypatch: pytest.MonkeyPatch, count: Any
) -> None:
    monkeypatch.setattr(rules, "hides_need", count)
    for _ in range(rules.HIDING):
        report(client, need)
    shown = client.get("/v1/needs/managed", by=town, hidden="true").json["items"]
    assert [(f"/v1/needs/{one['id']}", one["hidden"], "clear_reports" in one["allowed"]) for one in shown] == [(need, True, True)]
    assert client.post(f"{need}/reports/clearing", by=town).status_code == 201
    assert in_the_hall(client) == 1
    assert client.post(f"{need}/reports/clearing", by=town).json["code"] == "state_conflict"
    for _ in range(rules.HIDING):
        assert report(client, need).status_code == 201
    assert [type(event) for event in pending(database)].count(NeedReported) == 2


def test_who_posted_a_need_does_not_clear_its_reports(client: Client, database: RolledBack, need: str, village: Person) -> None:
    for _ in range(rules.HIDING):
        report(client, need)
    assert client.post(f"{need}/reports/clearing", by=village).json["code"] == "own_need"
    assert client.post(f"{need}/reports/clearing", by=administrator_of(database, "330102")).status_code == 404
    assert client.post(f"{need}/reports/clearing", by=Person("donor")).status_code == 403


def test_a_hidden_need_can_be_closed(client: Client, database: RolledBack, need: str, town: Person) -> None:
    for _ in range(rules.HIDING):
        report(client, need)
    assert client.post(f"{need}/closing", {"reason": "other"}, by=town).status_code == 201


def test_only_published_needs_are_reported(client: Client, household: UUID, village: Person) -> None:
    posted = client.post("/v1/needs", rice(household_id=str(household), consent="slip"), by=village).json["id"]
    assert report(client, f"/v1/needs/{posted}").status_code == 404
    assert client.post(f"/v1/needs/{posted}/report", {"reason": "absurd"}).status_code == 401
    assert report(client, f"/v1/needs/{posted}", reason="boring").status_code == 422
