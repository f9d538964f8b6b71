"""Posting, verifying, withdrawing and seeing needs."""

from uuid import UUID

import pytest
from sqlalchemy import text

from chassis.data import client_ids
from chassis.data.database import new_id
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of
from contracts.needs import NeedPosted, NeedPublished, NeedRejected, NeedWithdrawn
from needs import actions

from .conftest import VILLAGE, household_in, pending, rice


@pytest.fixture
def need(client: Client, village: Person, household: UUID) -> str:
    return client.post("/v1/needs", rice(household_id=str(household), consent="slip"), by=village).json["id"]


def test_a_household_posts_for_itself(client: Client, database: RolledBack) -> None:
    person = Person("household")
    household = household_in(database, VILLAGE, person)
    answer = client.post("/v1/needs", rice(), by=person)
    assert answer.status_code == 201, answer.json
    assert answer.json["household_id"] == str(household)
    assert answer.json["state"] == "posted"
    assert answer.json["unit"] == "kg"
    assert answer.headers["Location"] == f"/v1/needs/{answer.json['id']}"


def test_a_posted_need_is_neither_published_nor_shown(client: Client, database: RolledBack, need: str) -> None:
    assert [type(event) for event in pending(database)] == [NeedPosted]
    assert "断粮" not in str(pending(database))
    assert client.get(f"/v1/needs/{need}").status_code == 404
    assert client.get("/v1/needs").json["items"] == []


def test_posting_on_behalf_requires_consent(client: Client, village: Person, household: UUID) -> None:
    answer = client.post("/v1/needs", rice(household_id=str(household)), by=village)
    assert (answer.status_code, answer.json["code"]) == (422, "consent_needed")


def test_an_administrator_of_another_region_cannot_post(client: Client, database: RolledBack, household: UUID) -> None:
    other = administrator_of(database, "510923")
    answer = client.post("/v1/needs", rice(household_id=str(household), consent="sms"), by=other)
    assert (answer.status_code, answer.json["code"]) == (422, "unknown_household")


def test_the_township_verifies_and_the_need_is_published(
    client: Client, database: RolledBack, town: Person, village: Person, need: str
) -> None:
    answer = client.post(f"/v1/needs/{need}/verification", by=town)
    assert (answer.status_code, answer.json["state"]) == (201, "published")
    [_, event] = pending(database)
    assert isinstance(event, NeedPublished)
    assert (event.version, event.poster_id, event.quantity, event.region) == (2, village.id, 50, VILLAGE)
    assert "断粮" not in str(event)


def test_the_poster_cannot_verify_their_own_need(client: Client, village: Person, need: str) -> None:
    answer = client.post(f"/v1/needs/{need}/verification", by=village)
    assert (answer.status_code, answer.json["code"]) == (403, "own_need")


def test_a_village_verifies_only_without_a_township_manager(client: Client, database: RolledBack, need: str) -> None:
    second = administrator_of(database, VILLAGE)
    town = administrator_of(database, VILLAGE[:9])
    answer = client.post(f"/v1/needs/{need}/verification", by=second)
    assert (answer.status_code, answer.json["code"]) == (403, "township_verifies")
    with database.begin() as session:
        session.execute(text("UPDATE appointments SET ended_at = now() WHERE user_id = :id"), {"id": town.id})
    assert client.post(f"/v1/needs/{need}/verification", by=second).status_code == 201


def test_a_need_outside_the_caller_s_region_is_not_found(client: Client, database: RolledBack, need: str) -> None:
    other = administrator_of(database, "510923")
    for act in ("verification", "withdrawal"):
        assert client.post(f"/v1/needs/{need}/{act}", by=other).status_code == 404
    assert client.post(f"/v1/needs/{need}/rejection", {"reason": "absurd"}, by=other).status_code == 404
    assert client.get("/v1/needs/managed", by=other).json["items"] == []


def test_a_rejected_need_has_a_reason_and_stays_rejected(client: Client, database: RolledBack, town: Person, need: str) -> None:
    answer = client.post(f"/v1/needs/{need}/rejection", {"reason": "absurd"}, by=town)
    assert (answer.status_code, answer.json["state"], answer.json["ended_because"]) == (201, "rejected", "absurd")
    [_, event] = pending(database)
    assert isinstance(event, NeedRejected)
    again = client.post(f"/v1/needs/{need}/verification", by=town)
    assert (again.status_code, again.json["code"]) == (409, "state_conflict")


def test_a_withdrawal_is_published_and_ends_the_need(
    client: Client, database: RolledBack, town: Person, village: Person, need: str
) -> None:
    client.post(f"/v1/needs/{need}/verification", by=town)
    answer = client.post(f"/v1/needs/{need}/withdrawal", by=village)
    assert (answer.status_code, answer.json["state"], answer.json["version"]) == (201, "withdrawn", 3)
    assert isinstance(pending(database)[-1], NeedWithdrawn)
    assert client.post(f"/v1/needs/{need}/closing", {"reason": "other"}, by=town).status_code == 409


def test_the_hall_shows_published_needs_masked(client: Client, town: Person, donor: Person, need: str) -> None:
    client.post(f"/v1/needs/{need}/verification", by=town)
    [shown] = client.get("/v1/needs", region="5109", category="food").json["items"]
    assert (shown["shown"], shown["region"]) == ("public", VILLAGE[:6])
    assert shown["reason"] is None
    assert shown["household_id"] is None
    assert client.get("/v1/needs", region="5107").json["items"] == []
    assert client.get("/v1/needs", category="foo").json["items"] == []
    assert client.get(f"/v1/needs/{need}", by=donor).json["reason"] is None


def test_owners_and_administrators_see_the_whole_need(client: Client, village: Person, town: Person, need: str) -> None:
    assert client.get(f"/v1/needs/{need}", by=village).json["shown"] == "own"
    assert client.get(f"/v1/needs/{need}", by=town).json["shown"] == "region"
    assert "断粮" in client.get(f"/v1/needs/{need}", by=town).json["reason"]
    assert [item["id"] for item in client.get("/v1/needs/mine", by=village).json["items"]] == [need]


def test_the_reason_is_encrypted_in_the_database(client: Client, database: RolledBack, need: str) -> None:
    with database.begin() as session:
        stored = session.scalar(text("SELECT reason FROM needs"))
    assert "断粮".encode() not in bytes(stored)


def test_pages_of_a_list_have_no_gaps(client: Client, village: Person, household: UUID) -> None:
    for quantity in range(1, 8):
        client.post("/v1/needs", rice(household_id=str(household), consent="slip", quantity=quantity), by=village)
    seen, cursor = [], None
    while True:
        page = client.get("/v1/needs/mine", by=village, limit=3, **({"cursor": cursor} if cursor else {})).json
        seen += [item["quantity"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == [7, 6, 5, 4, 3, 2, 1]
    assert client.get("/v1/needs/mine", by=village, cursor="???").json["code"] == "invalid"


def test_an_item_outside_the_catalogue_is_refused(client: Client, village: Person, household: UUID) -> None:
    for category in ("food", "food.caviar", "treadmill"):
        answer = client.post("/v1/needs", rice(household_id=str(household), consent="slip", category=category), by=village)
        assert (answer.status_code, answer.json["code"]) == (422, "unknown_item")


@pytest.mark.parametrize(("kind", "status"), [("donor", 403), ("merchant", 403), (None, 401)])
def test_only_households_and_administrators_post_needs(client: Client, kind: str | None, status: int) -> None:
    answer = client.post("/v1/needs", rice(), by=Person(kind) if kind else None)
    assert answer.status_code == status


def test_an_unknown_need_is_not_found(client: Client, town: Person) -> None:
    assert client.post(f"/v1/needs/{new_id()}/verification", by=town).status_code == 404
    assert client.get("/v1/needs/nonsense", by=town).status_code == 404


def test_an_unknown_query_parameter_is_refused(client: Client) -> None:
    answer = client.get("/v1/needs", page=2)
    assert (answer.status_code, answer.json["errors"][0]["pointer"], answer.json["errors"][0]["code"]) == (422, "#query/page", "unknown")


def test_a_dismissed_poster_can_neither_see_nor_withdraw(client: Client, database: RolledBack, village: Person, need: str) -> None:
    with database.begin() as session:
        session.execute(text("UPDATE appointments SET ended_at = now() WHERE user_id = :id"), {"id": village.id})
    assert client.get(f"/v1/needs/{need}", by=village).status_code == 404
    assert client.get("/v1/needs/mine", by=village).json["items"] == []
    assert client.post(f"/v1/needs/{need}/withdrawal", by=village).status_code == 404


def test_the_hall_refuses_to_filter_by_village(client: Client) -> None:
    answer = client.get("/v1/needs", region=VILLAGE)
    assert (answer.status_code, answer.json["errors"][0]["code"]) == (422, "unknown_region")


def test_a_village_verifies_a_need_posted_by_its_only_township(client: Client, village: Person, town: Person, household: UUID) -> None:
    need = client.post("/v1/needs", rice(household_id=str(household), consent="slip"), by=town).json["id"]
    assert client.post(f"/v1/needs/{need}/verification", by=town).json["code"] == "own_need"
    assert client.post(f"/v1/needs/{need}/verification", by=village).status_code == 201


def test_openapi_has_labels_of_choices_in_both_languages(client: Client) -> None:
    schemas = client.get("/openapi/needs.json").json["components"]["schemas"]
    assert schemas["NeedOut"]["properties"]["urgency"]["x-labels"]["critical"] == {"zh-CN": "特急", "en": "critical"}
    choices = [one for schema in schemas.values() for one in schema.get("properties", {}).values() if "x-labels" in one]
    assert len(choices) >= 8
    assert all(list(one["x-labels"]) == [word for word in one["enum"] if word is not None] for one in choices)
    assert schemas["NeedIn"]["properties"]["consent"]["description"].startswith("how the household agreed")


def test_need_with_a_client_s_id_is_posted_once(
    client: Client, database: RolledBack, village: Person, household: UUID, town: Person
) -> None:
    body = rice(household_id=str(household), consent="slip", id=str(new_id()))
    first = client.post("/v1/needs", body, by=village)
    assert (first.status_code, first.json["id"]) == (201, body["id"])
    client.post(f"/v1/needs/{body['id']}/verification", by=town)
    again = client.post("/v1/needs", body, by=village)
    assert (again.status_code, again.json["id"], again.json["state"]) == (201, body["id"], "published")
    assert [type(event) for event in pending(database)] == [NeedPosted, NeedPublished]


def test_id_of_somebody_else_s_need_is_taken(client: Client, database: RolledBack, village: Person, household: UUID) -> None:
    body = rice(household_id=str(household), consent="slip", id=str(new_id()))
    client.post("/v1/needs", body, by=village)
    answer = client.post("/v1/needs", body, by=administrator_of(database, VILLAGE))
    assert (answer.status_code, answer.json["code"]) == (409, "id_taken")
    assert body["household_id"] not in answer.text


def test_id_with_other_content_is_taken_also_when_its_need_is_gone(
    client: Client, database: RolledBack, village: Person, household: UUID
) -> None:
    body = rice(household_id=str(household), consent="slip", id=str(new_id()))
    client.post("/v1/needs", body, by=village)
    other = client.post("/v1/needs", body | {"quantity": body["quantity"] + 1}, by=village)
    assert (other.status_code, other.json["code"]) == (409, "id_taken")
    with database.begin() as session:
        session.execute(text("UPDATE client_ids SET id = :other"), {"other": new_id()})
    nobody_s = client.post("/v1/needs", body, by=village)
    assert (nobody_s.status_code, nobody_s.json["code"]) == (409, "id_taken")


def test_ids_are_forgotten_when_they_are_too_old_to_be_sent(client: Client, database: RolledBack, village: Person, household: UUID) -> None:
    for days in (29, 32):
        client.post("/v1/needs", rice(household_id=str(household), consent="slip", id=str(new_id())), by=village)
        with database.begin() as session:
            session.execute(text("UPDATE client_ids SET sent_at = sent_at - :days * interval '1 day'"), {"days": days})
            client_ids.delete_expired(session)
            left = session.scalar(text("SELECT count(*) FROM client_ids"))
        assert left == (1 if days == 29 else 0)


@pytest.mark.parametrize("start", ["9f1b3c1e-5a52-4c53", "01890000-0000-7000", "03a00000-0000-7000"], ids=["random", "old", "to come"])
def test_id_that_is_not_of_now_is_refused(client: Client, village: Person, household: UUID, start: str) -> None:
    body = rice(household_id=str(household), consent="slip", id=f"{start}-8f4f-0d9a4d0a8b11")
    answer = client.post("/v1/needs", body, by=village)
    assert (answer.status_code, answer.json["errors"][0]["code"]) == (422, "not_a_fresh_id")


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="without looking, the second post breaks on the first one's row")
def test_need_sent_twice_without_looking(client: Client, village: Person, household: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "find_sent_before", lambda *_: None)
    body = rice(household_id=str(household), consent="slip", id=str(new_id()))
    assert [client.post("/v1/needs", body, by=village).status_code for _ in range(2)] == [201, 201]
