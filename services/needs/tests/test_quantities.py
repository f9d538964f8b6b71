"""Needs of which nobody knows yet how much: the verifier settles it."""

from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from chassis.testing.fixtures import Client, Person, RolledBack
from chassis.testing.twins import altered, unguarded
from contracts.needs import NeedPosted, NeedPublished, NeedRejected, NeedReturned, NeedWithdrawn
from needs import rules
from needs.review import actions as review

from .conftest import pending, rice


@pytest.fixture
def unknown(client: Client, village: Person, household: UUID) -> str:
    answer = client.post("/v1/needs", rice(household_id=str(household), consent="slip", quantity=None), by=village)
    assert (answer.status_code, answer.json["quantity"], answer.json["quantity_unknown"]) == (201, 0, True)
    return f"/v1/needs/{answer.json['id']}"


UNSETTLED = "return quantity_unsettled() if quantity is None else None"


@pytest.mark.parametrize("guard", [UNSETTLED, unguarded("return None", "without the rule, a need of nothing is published")])
def test_unknown_quantity_is_settled_at_verification(
    client: Client, database: RolledBack, town: Person, unknown: str, monkeypatch: pytest.MonkeyPatch, guard: str
) -> None:
    monkeypatch.setattr(review, "find_quantity_problem", altered(rules.find_quantity_problem, UNSETTLED, guard))
    refused = client.post(f"{unknown}/verification", by=town)
    assert (refused.status_code, refused.json["code"]) == (422, "quantity_unsettled")
    settled = client.post(f"{unknown}/verification", {"quantity": 30}, by=town)
    assert (settled.status_code, settled.json["quantity"], settled.json["quantity_unknown"]) == (201, 30, False)
    [event] = [event for event in pending(database) if isinstance(event, NeedPublished)]
    assert event.quantity == 30


def test_known_quantity_stays_at_verification(client: Client, town: Person, village: Person, household: UUID) -> None:
    need = client.post("/v1/needs", rice(household_id=str(household), consent="slip"), by=village).json["id"]
    other = client.post(f"/v1/needs/{need}/verification", {"quantity": 51}, by=town)
    assert (other.status_code, other.json["code"]) == (422, "quantity_settled")
    assert client.post(f"/v1/needs/{need}/verification", {"quantity": 50}, by=town).status_code == 201


def test_quantity_must_be_stated_or_null(client: Client, village: Person, household: UUID) -> None:
    silent = rice(household_id=str(household), consent="slip")
    del silent["quantity"]
    for body, code in ((silent, "required"), (silent | {"quantity": 0}, "out_of_range")):
        answer = client.post("/v1/needs", body, by=village)
        assert (answer.status_code, answer.json["errors"][0]["pointer"], answer.json["errors"][0]["code"]) == (422, "#/quantity", code)


def test_events_of_an_unsettled_need_say_so(
    client: Client, database: RolledBack, town: Person, village: Person, household: UUID, unknown: str
) -> None:
    client.post(f"{unknown}/return", {"reason": "unclear"}, by=town)
    client.patch(unknown, {"reason": "还不知道要多少"}, by=village)
    client.post(f"{unknown}/rejection", {"reason": "absurd"}, by=town)
    other = client.post("/v1/needs", rice(household_id=str(household), consent="slip", quantity=None), by=village).json["id"]
    client.post(f"/v1/needs/{other}/withdrawal", by=village)
    events = [event for event in pending(database) if isinstance(event, NeedPosted | NeedReturned | NeedRejected | NeedWithdrawn)]
    assert {type(event) for event in events} == {NeedPosted, NeedReturned, NeedRejected, NeedWithdrawn}
    assert {(event.quantity, event.quantity_unknown) for event in events} == {(1, True)}


def test_database_publishes_no_unsettled_need(database: RolledBack, unknown: str) -> None:
    with pytest.raises(IntegrityError), database.begin() as session:
        session.execute(text("UPDATE needs SET state = 'published'"))
