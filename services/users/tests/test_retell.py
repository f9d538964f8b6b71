"""Republished events equal those published live, and no encrypted column is read for them."""

import pytest

from chassis.data import encryption
from chassis.testing.fixtures import Client, RolledBack, administrator_of, assert_retold
from users.snapshots import SNAPSHOTS

from .conftest import VILLAGE, household, person_of, phone, sign_up


def test_accounts_households_and_appointments_are_republished(
    client: Client, database: RolledBack, monkeypatch: pytest.MonkeyPatch
) -> None:
    county = administrator_of(database, VILLAGE[:6])
    staff = [person_of(client, kind="staff") for _ in range(2)]
    appointed = [client.post("/v1/appointments", {"account_id": one.id, "region": VILLAGE}, by=county).json["id"] for one in staff]
    for one, appointment in zip(staff, appointed, strict=True):
        assert client.post(f"/v1/appointments/{appointment}/confirmation", by=one).status_code == 201
    offer = {"account_id": staff[0].id, "region": VILLAGE, "role": "auditor"}
    assert client.post("/v1/appointments", offer, by=county).status_code == 201
    assert client.post(f"/v1/appointments/{appointed[1]}/dismissal", by=county).status_code == 201
    number = phone()
    for wanted in (household(), household(phone=number)):
        assert client.post("/v1/households", wanted, by=county).status_code == 201
    sign_up(client, kind="household", phone=number)
    monkeypatch.setattr(encryption.Encrypted, "process_result_value", lambda *_: pytest.fail("an encrypted column was read"))
    assert len(assert_retold(database, SNAPSHOTS)) == 1 + 4 + 3 + 2
