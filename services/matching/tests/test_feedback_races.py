"""Concurrent photos, thanks, ratings and appeals: each counts once."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text

from chassis.data.database import Database, new_id
from chassis.http.auth import Caller
from chassis.testing.fixtures import Client, KnownKeys, Person, administrator_of
from matching.checks import derived
from matching.intake import actions as intake
from matching.matches.actions import answers, delivery
from matching.reliability import actions as marks
from matching.reliability import classes

from .conftest import VILLAGE, offered, published
from .test_photos import drawn, written
from .test_races import clear_all, count, real, sent

__all__ = ["real"]


def test_concurrent_photos_respect_limit_and_duplicates(real: Database, keys: KnownKeys) -> None:
    client, match, household, _ = sent(real, keys)
    assert client.post(f"{match}/receipt", {}, by=household).status_code == 201
    files = [written(drawn(20 + number % 6, 20)) for number in range(18)]

    def add(file: bytes) -> int:
        headers = Client._headers(client, household)
        return int(
            client.flask.application.test_client()
            .post(f"{match}/photos", data=file, content_type="image/jpeg", headers=headers)
            .status_code
        )

    with ThreadPoolExecutor(9) as pool:
        assert set(Counter(pool.map(add, files))) == {201, 409}
    assert count(real, "SELECT count(*) FROM photos") == 4
    assert count(real, "SELECT count(DISTINCT digest) FROM photos") == 4


def test_concurrent_removals_of_a_photo_count_once(real: Database, keys: KnownKeys) -> None:
    client, match, household, _ = sent(real, keys)
    client.post(f"{match}/receipt", {}, by=household)
    headers = client._headers(household)
    photo = client.flask.post(f"{match}/photos", data=written(drawn()), content_type="image/jpeg", headers=headers).headers["Location"]

    def remove(by: Person) -> int:
        return int(client.post(f"{photo}/removal", by=by).status_code)

    with ThreadPoolExecutor(8) as pool:
        assert Counter(pool.map(remove, [household] * 16)) == {201: 1, 409: 15}


def received(real: Database, keys: KnownKeys) -> tuple[Client, str, Person]:
    """Something that arrived: who may ask, the match, the household's account."""
    client, match, household, _ = sent(real, keys)
    assert client.post(f"{match}/receipt", {}, by=household).status_code == 201
    return client, match, household


def test_concurrent_thanks_and_ratings_count_once(real: Database, keys: KnownKeys) -> None:
    client, match, household = received(real, keys)

    def act(number: int) -> tuple[bool, int]:
        if number % 2:
            return True, int(client.post(f"{match}/thanks", {"text": f"谢谢 {number}"}, by=household).status_code)
        return False, int(client.post(f"{match}/rating", {"stars": 1 + number % 5}, by=household).status_code)

    with ThreadPoolExecutor(10) as pool:
        assert Counter(pool.map(act, range(20))) == {(True, 201): 1, (True, 409): 9, (False, 201): 1, (False, 409): 9}


def test_concurrent_decisions_about_thanks_count_once(real: Database, keys: KnownKeys) -> None:
    client, match, household = received(real, keys)
    thanks = client.post(f"{match}/thanks", {"text": "谢谢"}, by=household).headers["Location"]
    judges = [administrator_of(real, VILLAGE[:6]) for _ in range(8)]

    def decide(number: int) -> int:
        act, body = ("release", {}) if number % 2 else ("refusal", {"reason": "improper"})
        return int(client.post(f"{thanks}/{act}", body, by=judges[number]).status_code)

    with ThreadPoolExecutor(8) as pool:
        assert Counter(pool.map(decide, range(8))) == {201: 1, 409: 7}
    assert count(real, "SELECT count(*) FROM outbox WHERE name IN ('thanks_given', 'thanks_refused')") == 1


def test_concurrent_appeals_and_decisions_count_once(real: Database, keys: KnownKeys) -> None:
    client, match, household = sent(real, keys)[:3]
    client.post(f"{match}/cancellation", {"reason": "giver_no_show"}, by=household)
    giver = Person("donor")
    with real.begin() as session:
        giver.id = session.scalars(text("SELECT pledger_id FROM matches")).one()
    [mark] = client.get("/v1/marks", by=giver).json["items"]
    judges = [administrator_of(real, VILLAGE[:6]) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        asked = list(pool.map(lambda _: client.post(f"/v1/marks/{mark['id']}/appeal", {"text": "去过了"}, by=giver), range(8)))
        assert Counter(answer.status_code for answer in asked) == {201: 1, 409: 7}
        [path] = [answer.headers["Location"] for answer in asked if answer.status_code == 201]
        body = {"outcome": "upheld", "answer": "查过了"}
        assert Counter(pool.map(lambda judge: client.post(f"{path}/decision", body, by=judge).status_code, judges)) == {201: 1, 409: 7}
    assert client.get("/v1/reliability", by=giver).json["percent"] == 80


def spoilt(real: Database, rounds: int) -> list[str]:
    """Lapses, no-shows, settling and new pledges of the same few people at once; what went wrong, and what the audit finds then."""
    people = [new_id() for _ in range(3)]
    wrong: list[str] = []
    with real.begin() as session:
        intake.book_needs(session, [published(quantity=1) for _ in range(60 * rounds)])
        intake.book_pledges(session, [offered(pledger_id=person, quantity=20 * rounds) for person in people])
    clear_all(real)
    with real.begin() as session:
        waiting = session.execute(text("SELECT id, pledger_id, poster_id, region FROM matches ORDER BY id")).all()
        agent = administrator_of(real, VILLAGE)
        session.execute(
            text("UPDATE matches SET answer_by = now() - interval '1 hour' WHERE id = ANY(:ids)"), {"ids": [one.id for one in waiting[::2]]}
        )

    def cancel(one: Any) -> None:
        with real.begin() as session:
            answers.accept_match(session, Caller(one.pledger_id, "donor", session), one.id)
        with real.begin() as session:
            delivery.cancel_match(session, Caller(agent.id, "staff", session), one.id, "giver_no_show")

    def lapse(_: Any) -> None:
        with real.begin() as session:
            answers.lapse_matches(session)

    def settle(_: Any) -> None:
        with real.begin() as session:
            classes.update_classes(session)

    def enter(number: int) -> None:
        with real.begin() as session:
            intake.book_pledges(session, [offered(pledger_id=person, category=f"food.other{number}") for person in people])

    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(cancel, one) for one in waiting[1::2]]
        jobs += [pool.submit(act, number) for number in range(10 * rounds) for act in (lapse, settle, enter)]
        wrong += [str(job.exception()) for job in jobs if job.exception()]
    with real.begin() as session:
        session.execute(text("UPDATE reliabilities SET settle_at = now()"))
    for _ in range(2):
        settle(None)
    with real.begin() as session:
        session.execute(text("UPDATE reliabilities SET settle_at = NULL"))
    with real.begin() as session:
        wrong += [check.code for check in derived.RELIABILITY if session.execute(text(check.statement)).first()]
    return wrong


def test_concurrent_acts_keep_reliability_consistent(real: Database) -> None:
    assert spoilt(real, 2) == []
    assert count(real, "SELECT count(*) FROM marks") == 120


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="without the key a repeated event counts twice")
def test_without_its_key_a_reliability_event_is_recorded_twice(real: Database, keys: KnownKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    with real.begin() as session:
        session.execute(text("ALTER TABLE marks DROP CONSTRAINT marks_once"))
    once = str(marks._RECORD).replace("ON CONFLICT (match_id, person_id, kind) DO NOTHING ", "")
    monkeypatch.setattr(marks, "_RECORD", text(once))
    received(real, keys)
    with real.begin() as session:
        marks.record_events(session, session.scalars(text("SELECT id FROM matches")).all())
    assert count(real, "SELECT count(*) FROM marks") == 2
