"""ETag and If-Match: no change of an unseen version, even by two callers at once, and no second download of a seen one."""

import threading
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from chassis.data.database import Database
from chassis.http import versions
from chassis.http.app import create_app
from chassis.testing.fixtures import Client, KnownKeys, Person, RolledBack
from chassis.testing.twins import altered, unguarded
from needs.api import api

from .conftest import offer, rice


@pytest.fixture
def pledge(client: Client, donor: Person) -> str:
    return f"/v1/pledges/{client.post('/v1/pledges', offer(), by=donor).json['id']}"


@pytest.fixture
def need(client: Client, village: Person, household: UUID) -> str:
    posted = client.post("/v1/needs", rice(household_id=str(household), consent="slip"), by=village)
    return f"/v1/needs/{posted.json['id']}"


def count_pledge(database: RolledBack, pledge: str) -> int:
    with database.begin() as session:
        return int(session.scalar(text("SELECT quantity FROM pledges WHERE id = :id"), {"id": pledge[-36:]}) or 0)


def test_an_unchanged_pledge_is_answered_by_304(client: Client, pledge: str, donor: Person) -> None:
    first = client.get(pledge, by=donor)
    tag = first.headers["ETag"]
    assert tag.startswith('"1.')
    again = client.get(pledge, by=donor, headers={"If-None-Match": f'"other", {tag}'})
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
    changed = client.patch(pledge, {"quantity": 40}, by=donor, seen=tag)
    assert changed.status_code == 202
    fresh = client.get(pledge, by=donor, headers={"If-None-Match": tag})
    assert (fresh.status_code, fresh.json["quantity"]) == (200, 40)
    assert fresh.headers["ETag"] == changed.headers["ETag"]


def test_what_was_made_has_the_tag_under_which_it_is_changed(client: Client, donor: Person) -> None:
    made = client.post("/v1/pledges", offer(), by=donor)
    assert made.status_code == 201
    tag = made.headers["ETag"]
    assert client.get(made.headers["Location"], by=donor).headers["ETag"] == tag
    assert client.patch(made.headers["Location"], {"quantity": 40}, by=donor, seen=tag).status_code == 202


def test_callers_with_different_views_get_different_etags(client: Client, need: str, village: Person, town: Person, donor: Person) -> None:
    client.post(f"{need}/verification", by=town)
    tags = {client.get(need, by=person).headers["ETag"] for person in (village, town, donor)}
    assert len(tags) == 3, "own, of the region, masked"
    assert len({client.get(need, by=donor).headers["ETag"] for _ in range(2)}) == 1


def test_a_change_without_if_match_is_refused(client: Client, database: RolledBack, pledge: str, donor: Person) -> None:
    answer = client.patch(pledge, {"quantity": 40}, by=donor, seen=None)
    assert (answer.status_code, answer.json["code"]) == (428, "precondition_needed")
    assert count_pledge(database, pledge) == 100


@pytest.mark.parametrize(
    "guarded",
    [
        True,
        unguarded(False, "without the comparison, both changes hold"),
    ],
)
def test_a_change_of_an_older_version_is_refused(
    client: Client, database: RolledBack, pledge: str, donor: Person, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    if not guarded:
        monkeypatch.setattr(versions, "check_if_match", lambda session, row: setattr(session.info.get("seen"), "compared", True))
    seen = client.get(pledge, by=donor).headers["ETag"]
    assert client.patch(pledge, {"quantity": 40}, by=donor, seen=seen).status_code == 202
    late = client.patch(pledge, {"quantity": 70}, by=donor, seen=seen)
    assert (late.status_code, late.json.get("code"), late.headers["ETag"]) == (412, "stale", '"2"')
    assert count_pledge(database, pledge) == 40


@pytest.mark.parametrize(
    ("seen", "status"),
    [('"1"', 202), ('"7", "1"', 202), ("*", 202), ('"2"', 412), ('W/"1"', 412), ("1", 202), ("nonsense", 412), ('""', 412), (",", 412)],
)
def test_if_match_takes_a_tag_or_a_version_number(client: Client, pledge: str, donor: Person, seen: str, status: int) -> None:
    assert client.patch(pledge, {"quantity": 40}, by=donor, seen=seen).status_code == status


WHOLE_VERSION = "str(row.version) not in named"


@pytest.mark.parametrize(
    "compared",
    [
        WHOLE_VERSION,
        unguarded("not any(str(row.version).startswith(one) for one in named if one)", "by its beginning, version 1 passes at 12"),
    ],
)
def test_if_match_compares_whole_version_numbers(
    client: Client, database: RolledBack, pledge: str, donor: Person, monkeypatch: pytest.MonkeyPatch, compared: str
) -> None:
    monkeypatch.setattr(versions, "check_if_match", altered(versions.check_if_match, WHOLE_VERSION, compared))
    with database.begin() as session:
        session.execute(text("UPDATE pledges SET version = 12"))
    for seen in ('"1"', '"2"', '"1.2"', '"112"', '"12x"', '"120"', '"012"', '"-12"', '"1", "2"'):
        assert client.patch(pledge, {"quantity": 40}, by=donor, seen=seen).status_code == 412, seen
    assert count_pledge(database, pledge) == 100
    assert client.patch(pledge, {"quantity": 40}, by=donor, seen='"12.0a1b"').status_code == 202
    assert client.patch(pledge, {"quantity": 50}, by=donor, seen='"13"').status_code == 202


def test_an_act_with_another_version_is_refused(client: Client, need: str, town: Person, village: Person) -> None:
    acts: list[tuple[str, dict[str, Any], Person]] = [("verification", {}, town), ("closing", {"reason": "other"}, town)]
    for version, (act, body, person) in enumerate(acts, 1):
        wrong = client.post(f"{need}/{act}", body, by=person, headers={"If-Match": f'"{version + 5}"'})
        assert (wrong.status_code, wrong.json["code"]) == (412, "stale")
        assert client.get(need, by=village).json["version"] == version
        assert client.post(f"{need}/{act}", body, by=person, headers={"If-Match": f'"{version}"'}).status_code == 201


def test_another_person_s_pledge_is_404_whatever_the_version(client: Client, pledge: str) -> None:
    assert client.patch(pledge, {"quantity": 40}, by=Person("donor"), seen='"9"').status_code == 404


def test_if_match_is_refused_when_creating(client: Client, database: RolledBack, donor: Person) -> None:
    answer = client.post("/v1/pledges", offer(), by=donor, headers={"If-Match": "*"})
    assert (answer.status_code, answer.json["code"]) == (400, "no_precondition")
    with database.begin() as session:
        assert session.scalar(text("SELECT count(*) FROM pledges")) == 0


def test_a_repeated_act_with_its_idempotency_key_succeeds(client: Client, need: str, town: Person) -> None:
    headers = {"If-Match": '"1"', "Idempotency-Key": "k"}
    answers = [client.post(f"{need}/verification", by=town, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json == answers[1].json


def test_one_of_two_simultaneous_changes_succeeds(database_of: Callable[[str, str], str], keys: KnownKeys, donor: Person) -> None:
    database = Database(database_of("needs", "needs_versions"), name="tests")
    client = Client(create_app("needs", api, database=database, keys=keys).test_client(), keys)
    made = client.post("/v1/pledges", offer(), by=donor)
    path, answers = f"/v1/pledges/{made.json['id']}", []
    with database.begin() as session:
        session.execute(text("SELECT FROM pledges FOR UPDATE"))
        both = [
            threading.Thread(target=lambda: answers.append(client.patch(path, {"quantity": 9}, by=donor, seen='"1"').status_code)),
            threading.Thread(target=lambda: answers.append(client.patch(path, {"quantity": 8}, by=donor, seen='"1"').status_code)),
        ]
        for one in both:
            one.start()
        while session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")) < 2:
            time.sleep(0.01)
    for one in both:
        one.join()
    assert sorted(answers) == [202, 412]
    assert client.get(path, by=donor).json["version"] == 2
    database.close()
