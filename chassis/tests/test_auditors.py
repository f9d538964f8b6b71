"""Auditors read what administrators of their region read, and do nothing."""

import pytest
from pantry import api as pantry_api
from sqlalchemy import select
from sqlalchemy.orm import Session

from chassis.data.appointments import appointments
from chassis.http import routes
from chassis.http.auth import Caller
from chassis.testing.fixtures import Client, RolledBack, administrator_of, api_fixtures, auditor_of
from chassis.testing.twins import altered, unguarded

engine, database, client = api_fixtures("pantry", pantry_api.api)

COUNTY, BODY = "510903", {"region": "51"}


@pytest.mark.parametrize("guard", ["raise not_allowed()", unguarded("pass", "without the guard, an auditor acts like anybody on staff")])
def test_act_of_an_auditor_is_refused(client: Client, database: RolledBack, monkeypatch: pytest.MonkeyPatch, guard: str) -> None:
    monkeypatch.setattr(routes, "_refuse_auditor", altered(routes._refuse_auditor, "raise not_allowed()", guard))
    answer = client.post("/v1/withdrawals", BODY, by=auditor_of(database, COUNTY))
    assert (answer.status_code, answer.json.get("code")) == (403, "not_allowed")


def test_public_requests_and_administrators_pass(client: Client, database: RolledBack) -> None:
    assert client.post("/v1/counts", {"quantity": 1}, by=auditor_of(database, COUNTY)).status_code == 200
    assert client.post("/v1/withdrawals", BODY, by=administrator_of(database, COUNTY)).status_code == 201


def found(session: Session, caller: Caller, condition: str) -> set[str]:
    region = appointments.c.region
    return set(session.scalars(select(region).where(getattr(caller, condition)(region))))


def test_auditor_reads_the_region_and_manages_nothing(database: RolledBack) -> None:
    auditor, administrator, *_ = (
        auditor_of(database, COUNTY), *(administrator_of(database, region) for region in (COUNTY, "51", "510903001", "5107")),
    )  # fmt: skip
    with database.begin() as session:
        for person, manages in ((auditor, False), (administrator, True)):
            caller = Caller(person.id, "staff", session)
            assert [caller.reads(region) for region in ("51", COUNTY, "510903001", "5107")] == [False, True, True, False]
            assert caller.manages("510903001") == manages
            assert found(session, caller, "within") == {COUNTY, "510903001"}
            assert found(session, caller, "within_managed") == ({COUNTY, "510903001"} if manages else set())
