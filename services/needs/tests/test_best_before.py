"""Goods with a best-before date: asked for, in time, reminded of; and pledges whose kind fits everything that they could go to."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from chassis.data.database import now
from chassis.testing.fixtures import Client, Person, RolledBack, assert_retold
from chassis.testing.twins import altered, unguarded
from contracts.matching import MatchReceived
from contracts.needs import PledgeExpiring
from needs.catalogue import has_best_before
from needs.choosing import actions as choosing
from needs.choosing.rules import find_fit_problem
from needs.model import Need, Pledge
from needs.snapshots import SNAPSHOTS

from .conftest import offer, pending
from .test_choosing import later, tell

SALT = {"category": "food.salt", "unit": "bag"}


def undated(**changes: Any) -> dict[str, Any]:
    return {name: value for name, value in offer(**changes).items() if name != "best_before"}


def age(database: RolledBack, **columns: str) -> None:
    """Set columns of all pledges to SQL expressions, as time or a release of before would have left them."""
    with database.begin() as session:
        session.execute(text(f"UPDATE pledges SET {', '.join(f'{name} = {value}' for name, value in columns.items())}"))


def remind(database: RolledBack) -> int:
    with database.begin() as session:
        return choosing.remind_givers(session)


@pytest.mark.parametrize("is_guarded", [True, unguarded(False, "without the question, nobody knows when the rice is over")])
def test_perishable_goods_are_offered_with_their_date(
    client: Client, donor: Person, monkeypatch: pytest.MonkeyPatch, is_guarded: bool
) -> None:
    if not is_guarded:
        monkeypatch.setattr(choosing, "has_best_before", lambda *_: False)
    answer = client.post("/v1/pledges", undated(), by=donor)
    assert (answer.status_code, answer.json.get("code"), answer.json.get("category")) == (422, "best_before_needed", "food.rice")
    assert client.get("/v1/pledges/mine", by=donor).json["items"] == []
    assert client.post("/v1/pledges", offer(), by=donor).status_code == 201


@pytest.mark.parametrize(
    ("category", "unit", "kind", "is_asked"),
    [
        ("food.rice", "kg", "goods", True), ("food", "kg", "goods", True), ("food.potatoes", "kg", "goods", False),
        ("food.salt", "bag", "goods", False), ("clothing", "piece", "goods", False), ("industry.eggs", "kg", "purchase", False),
        ("medical.mask", "piece", "goods", True), ("gone.item", "kg", "goods", False), ("food.rice", "bag", "goods", False),
    ],
)  # fmt: skip
def test_date_is_asked_of_goods_that_may_be_over(category: str, unit: str, kind: str, is_asked: bool) -> None:
    assert has_best_before(category, unit, kind) is is_asked


def test_goods_that_keep_need_no_date(client: Client, donor: Person) -> None:
    pledge = client.post("/v1/pledges", undated(**SALT), by=donor).json
    assert pledge["best_before"] is None


@pytest.mark.parametrize("days", [-1, 4.9])
def test_date_that_is_over_or_near_is_refused(client: Client, donor: Person, days: float) -> None:
    date = later(days=days)
    assert client.post("/v1/pledges", offer(best_before=date), by=donor).json["code"] == "best_before_too_near"
    pledge = client.post("/v1/pledges", offer(), by=donor).json["id"]
    assert client.patch(f"/v1/pledges/{pledge}", {"best_before": date}, by=donor).json["code"] == "best_before_too_near"


def test_pledge_of_before_gets_its_date_at_the_next_change(client: Client, database: RolledBack, donor: Person) -> None:
    pledge = client.post("/v1/pledges", offer(), by=donor).json["id"]
    age(database, best_before="NULL")
    path = f"/v1/pledges/{pledge}"
    assert client.patch(path, {"quantity": 5}, by=donor).json["code"] == "best_before_needed"
    changed = client.patch(path, {"quantity": 5, "best_before": later(days=20)}, by=donor).json
    assert datetime.fromisoformat(changed["valid_until"]) < now() + timedelta(days=15)
    age(database, best_before="NULL")
    assert client.post(f"{path}/withdrawal", by=donor).status_code == 202


def test_hall_shows_the_date(client: Client, donor: Person) -> None:
    date = datetime.now(UTC) + timedelta(days=50)
    client.post("/v1/pledges", offer(best_before=date.isoformat()), by=donor)
    [shown] = client.get("/v1/pledges").json["items"]
    assert datetime.fromisoformat(shown["best_before"]) == date
    assert shown["pledger_id"] is None


def test_what_came_back_is_offered_with_a_date_that_holds(client: Client, database: RolledBack, donor: Person) -> None:
    pledge = client.post("/v1/pledges", offer(), by=donor).json["id"]
    received = tell(database, MatchReceived, pledge, 3, received=10, difference="refused")
    again: dict[str, Any] = {"match_id": str(received.match_id), "quantity": 5}
    age(database, best_before="now() + interval '1 day'")
    assert client.post("/v1/pledges/again", again, by=donor).json["code"] == "best_before_too_near"
    age(database, best_before="NULL")
    assert client.post("/v1/pledges/again", again, by=donor).json["code"] == "best_before_needed"
    answer = client.post("/v1/pledges/again", again | {"best_before": later(days=90)}, by=donor)
    assert (answer.status_code, answer.json["best_before"][:10]) == (201, later(days=90)[:10])


@pytest.mark.parametrize("is_guarded", [True, unguarded(False, "without the mark, the giver is reminded every minute")])
def test_giver_is_reminded_once_for_each_date(
    client: Client, database: RolledBack, donor: Person, monkeypatch: pytest.MonkeyPatch, is_guarded: bool
) -> None:
    if not is_guarded:
        monkeypatch.setattr(choosing, "remind_givers", altered(choosing.remind_givers, "pledge.remind_at, ", "_, "))
    pledge = client.post("/v1/pledges", offer(best_before=later(days=20)), by=donor).json["id"]
    client.post("/v1/pledges", undated(**SALT), by=donor)
    assert remind(database) == 0
    age(database, remind_at="CASE WHEN best_before IS NOT NULL THEN now() END")
    assert [remind(database) for _ in range(2)] == [1, 0]
    [event] = [one for one in pending(database) if isinstance(one, PledgeExpiring)]
    assert (str(event.pledge_id), event.pledger_id, event.open, event.version) == (pledge, donor.id, 100, 1)
    assert event.best_before - event.valid_until == timedelta(days=5)
    client.patch(f"/v1/pledges/{pledge}", {"best_before": later(days=40), "valid_until": later(days=60)}, by=donor)
    age(database, remind_at="CASE WHEN best_before IS NOT NULL THEN now() END")
    assert remind(database) == 1


@pytest.mark.parametrize("state", ["withdrawn", "used_up", "resting", "expired"])
def test_nobody_is_reminded_of_what_is_not_offered(client: Client, database: RolledBack, donor: Person, state: str) -> None:
    client.post("/v1/pledges", offer(best_before=later(days=20)), by=donor)
    age(database, remind_at="now()", **{state: "true"})
    assert remind(database) == 0


def test_reminders_are_republished(client: Client, database: RolledBack, donor: Person) -> None:
    client.post("/v1/pledges", offer(best_before=later(days=20)), by=donor)
    age(database, remind_at="now()")
    assert remind(database) == 1
    assert PledgeExpiring in {type(one) for one in assert_retold(database, SNAPSHOTS)}


@pytest.mark.parametrize(
    ("category", "unit", "kind", "kinds"),
    [("employment", "person", "training", ["job", "training"]), ("housing", "piece", None, ["goods", "service"])],
)
def test_group_of_several_kinds_is_led_to_an_item(
    client: Client, donor: Person, category: str, unit: str, kind: str | None, kinds: list[str]
) -> None:
    body = {name: value for name, value in offer(category=category, unit=unit, quantity=1, kind=kind).items() if value is not None}
    answer = client.post("/v1/pledges", body, by=donor)
    assert (answer.status_code, answer.json["code"], answer.json["kinds"]) == (422, "item_needed", kinds)
    assert "请选择具体项目" in answer.json["title"]


def test_lesson_is_not_offered_for_a_job() -> None:
    """A pledge for the whole group, as releases of before let it through."""
    job, group = Need(category="employment.job", unit="person"), {"category": "employment", "unit": "person", "region": "51"}
    fits = {kind: find_fit_problem(job, Pledge(**group, kind=kind), "510903") is None for kind in ("job", "training")}
    assert fits == {"job": True, "training": False}
