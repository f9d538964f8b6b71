"""Appeals: a person appeals once against a reliability event; the county decides, and a wrong event counts no more."""

from typing import Any

import pytest
from sqlalchemy import text

from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of, assert_retold
from contracts.matching import AppealDecided
from matching.reliability import actions
from matching.snapshots import SNAPSHOTS

from .conftest import VILLAGE, told
from .test_delivery import Promise
from .test_reliability import audited
from .test_slips import with_slip

WORDS = "那天路断了，我给村里打过电话"


@pytest.fixture
def blamed(client: Client, database: RolledBack) -> Promise:
    """A giver of whom the village says that they did not come."""
    promise = Promise(client, database)
    promise.does("cancellation", {"reason": "giver_no_show"}, promise.agent)
    return promise


@pytest.fixture
def county(database: RolledBack) -> Person:
    return administrator_of(database, VILLAGE[:6])


def mark_of(promise: Promise) -> str:
    return str(promise.client.get("/v1/marks", by=promise.giver).json["items"][0]["id"])


def appeal(promise: Promise, by: Person | None = None, **headers: str) -> Any:
    return promise.client.post(f"/v1/marks/{mark_of(promise)}/appeal", {"text": WORDS}, by=by or promise.giver, headers=headers)


def decide(promise: Promise, path: str, by: Person | None, outcome: str = "upheld") -> tuple[int, str]:
    answer = promise.client.post(f"{path}/decision", {"outcome": outcome, "answer": "查过了"}, by=by)
    return answer.status_code, answer.json["state" if answer.status_code == 201 else "code"]


def percent(promise: Promise) -> int:
    return int(promise.client.get("/v1/reliability", by=promise.giver).json["percent"])


def test_a_mark_that_was_wrong_counts_no_more(blamed: Promise, county: Person, database: RolledBack) -> None:
    assert percent(blamed) == 57
    path = appeal(blamed).headers["Location"]
    assert percent(blamed) == 80, "it does not count while its appeal waits"
    assert decide(blamed, path, county) == (201, "upheld")
    assert percent(blamed) == 80
    shown = blamed.client.get(path, by=blamed.giver).json
    assert (shown["state"], shown["answer"], shown["kind"]) == ("upheld", "查过了", "no_show")
    assert blamed.client.get(f"/v1/marks/{mark_of(blamed)}", by=blamed.giver).json["void_at"] is not None
    assert audited(database) == {}


def test_dismissed_appeal_is_answered_and_changes_nothing(blamed: Promise, county: Person, database: RolledBack) -> None:
    assert decide(blamed, appeal(blamed).headers["Location"], county, "dismissed") == (201, "dismissed")
    assert percent(blamed) == 57
    [decided] = told(database, AppealDecided)
    assert (decided.appellant_id, decided.side, decided.mark, decided.outcome) == (blamed.giver.id, "giver", "no_show", "dismissed")
    assert audited(database) == {}


def test_a_mark_is_appealed_against_once_and_decided_once(blamed: Promise, county: Person) -> None:
    first = appeal(blamed)
    assert first.status_code == 201
    assert appeal(blamed).json["code"] == "nothing_to_appeal"
    path = first.headers["Location"]
    assert (
        blamed.client.post(f"{path}/decision", {"outcome": "upheld", "answer": "x"}, by=county, headers={"If-Match": '"5"'}).status_code
        == 412
    )
    assert decide(blamed, path, county) == (201, "upheld")
    assert decide(blamed, path, county, "dismissed") == (409, "state_conflict")
    assert appeal(blamed).json["code"] == "nothing_to_appeal"


def test_an_appeal_to_an_older_mark_is_refused(blamed: Promise) -> None:
    assert appeal(blamed, **{"If-Match": '"3"'}).status_code == 412


def test_what_speaks_for_somebody_cannot_be_appealed_against(client: Client, database: RolledBack) -> None:
    promise = Promise(client, database)
    promise.does("sending", {"carrier": "in_person"}, promise.giver)
    promise.does("receipt", {}, promise.agent)
    assert appeal(promise).json["code"] == "nothing_to_appeal"


def test_only_whom_a_mark_is_about_appeals(blamed: Promise, county: Person) -> None:
    assert {appeal(blamed, by=person).status_code for person in (blamed.agent, blamed.household, county, Person("donor"))} == {404}


def test_the_county_decides_and_not_the_village_nor_a_neighbour(blamed: Promise, county: Person, database: RolledBack) -> None:
    path = appeal(blamed).headers["Location"]
    township, neighbour = administrator_of(database, VILLAGE[:9]), administrator_of(database, "510722")
    for person in (blamed.agent, township, neighbour, blamed.household, Person("staff")):
        assert decide(blamed, path, person)[0] in {403, 404}
        assert blamed.client.get(path, by=person).status_code == 404
    assert decide(blamed, path, blamed.giver)[0] == 403
    assert decide(blamed, path, None)[0] == 401
    assert blamed.client.get("/v1/appeals/managed", by=township).json["items"] == []
    assert len(blamed.client.get("/v1/appeals/managed", by=county, state="waiting").json["items"]) == 1
    assert decide(blamed, path, administrator_of(database, "51")) == (201, "upheld")


def test_who_took_part_in_the_match_does_not_decide(client: Client, database: RolledBack, county: Person) -> None:
    promise = Promise(client, database)
    promise.does("sending", {"carrier": "in_person"}, promise.giver)
    promise.does("receipt", {"quantity": 10, "reason": "short"}, county)
    path = appeal(promise).headers["Location"]
    assert client.get(path, by=county).json["allowed"] == []
    assert decide(promise, path, county) == (403, "own_appeal")
    assert decide(promise, path, administrator_of(database, VILLAGE[:4])) == (201, "upheld")


def test_printer_of_the_confirmed_slip_cannot_decide_the_appeal(client: Client, database: RolledBack, county: Person) -> None:
    promise = Promise(client, database)
    promise.does("sending", {"carrier": "in_person"}, promise.giver)
    with_slip(promise, county, quantity=10, reason="short")
    path = appeal(promise).headers["Location"]
    assert client.get(path, by=county).json["allowed"] == []
    assert decide(promise, path, county) == (403, "own_appeal")
    assert decide(promise, path, administrator_of(database, VILLAGE[:4])) == (201, "upheld")


def test_who_called_it_a_no_show_does_not_decide_about_that(client: Client, database: RolledBack, county: Person) -> None:
    promise = Promise(client, database)
    promise.does("sending", {"carrier": "in_person"}, promise.giver)
    assert promise.does("cancellation", {"reason": "giver_no_show"}, county)[0] == 201
    path = appeal(promise).headers["Location"]
    assert client.get(path, by=county).json["allowed"] == []
    assert decide(promise, path, county) == (403, "own_appeal")


def test_appeal_text_is_encrypted_and_stays_out_of_events(blamed: Promise, county: Person, database: RolledBack) -> None:
    decide(blamed, appeal(blamed).headers["Location"], county)
    with database.begin() as session:
        kept = session.execute(text("SELECT text, answer FROM appeals")).one()
        assert all(words.encode() not in bytes(column) for words, column in zip((WORDS, "查过了"), kept, strict=True))
        events = str(session.execute(text("SELECT * FROM outbox")).all())
        assert WORDS not in events
        assert "查过了" not in events


def test_decisions_are_told_anew_as_they_were_told(blamed: Promise, county: Person, database: RolledBack) -> None:
    decide(blamed, appeal(blamed).headers["Location"], county)
    assert "AppealDecided" in {type(event).__name__ for event in assert_retold(database, SNAPSHOTS)}


def test_a_mark_is_taken_back_once(blamed: Promise, database: RolledBack) -> None:
    for _ in range(2):
        with database.begin() as session:
            actions.void_event(session, session.scalars(text("SELECT id FROM marks")).one())
    assert percent(blamed) == 80
    assert audited(database) == {}
