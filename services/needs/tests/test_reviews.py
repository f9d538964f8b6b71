"""The review of needs: work list, stories, returns, the county's step, clocks, many decisions at once."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, text

from chassis.data.database import new_id
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of, assert_retold, auditor_of
from chassis.testing.rows_read import rows_read
from chassis.testing.twins import altered, unguarded
from contracts.needs import NeedConfirmed, NeedPosted, NeedPublished, NeedReturned, ReviewOverdue, ReviewReminded
from needs import rules as need_rules
from needs.review import actions, rules
from needs.snapshots import SNAPSHOTS

from .conftest import VILLAGE, household_in, pending, rice
from .test_charities import named

BESIDE = f"{VILLAGE[:9]}002"
STORY = "老人独居，冬天缺粮，希望得到帮助"
VALUE = 50 * 800
"""The value of the rice in fen, at the price of the catalogue."""
SETTINGS = f"/v1/review-settings?region={VILLAGE[:6]}"


@pytest.fixture
def county(database: RolledBack) -> Person:
    return administrator_of(database, VILLAGE[:6])


@pytest.fixture
def low(client: Client, county: Person) -> None:
    """Set the county's threshold just below the value of the rice."""
    assert client.put(SETTINGS, {"county_above": VALUE - 1}, by=county).status_code == 200


def post(client: Client, by: Person, household: UUID, **changes: Any) -> str:
    answer = client.post("/v1/needs", rice(household_id=str(household), consent="slip", **changes), by=by)
    assert answer.status_code == 201, answer.json
    return str(answer.json["id"])


def waiting(client: Client, by: Person, **query: Any) -> list[str]:
    answer = client.get("/v1/needs/waiting", by=by, **query)
    assert answer.status_code == 200, answer.json
    return [item["id"] for item in answer.json["items"]]


def act(client: Client, need: str, name: str, by: Person, **body: Any) -> Any:
    return client.post(f"/v1/needs/{need}/{name}", body, by=by)


def set_due(database: RolledBack, need: str, at: datetime) -> None:
    with database.begin() as session:
        session.execute(text("UPDATE needs SET due_at = :at WHERE id = :id"), {"at": at, "id": need})


def of(database: RolledBack, kind: type[Any]) -> list[Any]:
    return [event for event in pending(database) if isinstance(event, kind)]


def test_work_list_is_ordered_by_urgency_then_due_time(client: Client, database: RolledBack, village: Person, town: Person) -> None:
    homes = [household_in(database, region) for region in (VILLAGE, VILLAGE, BESIDE, VILLAGE)]
    second = administrator_of(database, BESIDE)
    normal = post(client, village, homes[0], urgency="normal")
    critical = post(client, village, homes[1], urgency="critical")
    urgent, old = post(client, second, homes[2], urgency="urgent"), post(client, village, homes[3], urgency="urgent")
    set_due(database, old, datetime.now(UTC) - timedelta(days=1))
    assert waiting(client, town) == [critical, old, urgent, normal]
    assert waiting(client, town, region=BESIDE) == [urgent]
    assert waiting(client, village) == [critical, old, normal]
    assert waiting(client, auditor_of(database, VILLAGE[:6]), overdue="true") == [old]
    assert waiting(client, administrator_of(database, "5107")) == []
    [shown] = client.get("/v1/needs/waiting", by=town, overdue="true").json["items"]
    assert (shown["overdue"], shown["due_at"] is not None, shown["allowed"]) == (True, True, ["verify_need", "return_need", "reject_need"])
    act(client, critical, "verification", town)
    assert waiting(client, town) == [old, urgent, normal]


def test_pages_of_the_work_list_survive_decisions_in_between(
    client: Client, database: RolledBack, village: Person, town: Person, household: UUID
) -> None:
    needs = [
        post(client, village, household_in(database, VILLAGE), urgency=word)
        for word in ("critical", "urgent", "urgent", "normal", "normal")
    ]
    seen, cursor = [], None
    while True:
        page = client.get("/v1/needs/waiting", by=town, limit=2, **({"cursor": cursor} if cursor else {})).json
        seen += [item["id"] for item in page["items"]]
        for item in page["items"]:
            act(client, item["id"], "verification", town)
        if (cursor := page["next"]) is None:
            break
    assert seen == needs
    for wrong in ("???", "AAAA", "_" * 34):
        assert client.get("/v1/needs/waiting", by=town, cursor=wrong).json["code"] == "invalid"


MANY = text(
    "INSERT INTO needs (id, version, household_id, poster_id, region, category, unit, quantity, urgency, reason, state, posted_at)"
    " SELECT gen_random_uuid(), 1, gen_random_uuid(), gen_random_uuid(), CASE WHEN n % 100 = 0 THEN :village ELSE '110101001001' END,"
    " 'food.rice', 'kg', 5, CASE WHEN n % 7 = 0 THEN 'urgent' ELSE 'normal' END, '',"
    " CASE WHEN n % 3 = 0 THEN 'published' ELSE 'posted' END, now() FROM generate_series(1, 6000) AS n"
)


def test_work_list_reads_no_more_than_it_shows(database: RolledBack, client: Client, town: Person) -> None:
    with database.begin() as session:
        session.execute(MANY, {"village": VILLAGE})
        session.execute(text("ANALYZE needs"))
    for query in ({}, {"limit": 40}, {"region": VILLAGE}):
        with rows_read(database.engine) as reading:
            shown = len(client.get("/v1/needs/waiting", by=town, **query).json["items"])
        assert shown
        assert reading.rows <= 10 * shown + 40, reading.largest_scan()


def test_story_is_public_and_the_reason_stays_sealed(
    client: Client, database: RolledBack, village: Person, town: Person, donor: Person, household: UUID
) -> None:
    need = post(client, village, household)
    refused = act(client, need, "verification", town, story="王大爷，电话13800000000")
    assert (refused.status_code, refused.json["code"]) == (422, "story_identifies")
    assert [one["kind"] for one in refused.json["found"]] == ["name", "phone"]
    assert act(client, need, "verification", town, story=STORY).json["state"] == "published"
    for shown in (client.get(f"/v1/needs/{need}", by=donor).json, client.get("/v1/needs").json["items"][0]):
        assert (shown["shown"], shown["story"], shown["reason"], shown["duplicates"]) == ("public", STORY, None, [])
    with database.begin() as session:
        stored = bytes(session.scalar(text("SELECT story FROM needs")) or b"")
    assert stored
    assert "独居".encode() not in stored


def test_story_of_the_poster_is_approved_by_verifying(
    client: Client, village: Person, town: Person, donor: Person, household: UUID
) -> None:
    asked = rice(household_id=str(household), consent="slip")
    assert client.post("/v1/needs", asked | {"story": "户主王秀英"}, by=village).json["code"] == "story_identifies"
    need = post(client, village, household, story=STORY)
    assert client.post(f"/v1/needs/{need}/verification", by=town).json["state"] == "published"
    assert client.get(f"/v1/needs/{need}", by=donor).json["story"] == STORY


def test_returned_need_is_amended_and_waits_again(
    client: Client, database: RolledBack, village: Person, town: Person, household: UUID
) -> None:
    need = post(client, village, household)
    answer = act(client, need, "return", town, reason="too_much", note="请按每人 10 公斤填写")
    assert (answer.status_code, answer.json["state"], answer.json["returned_because"]) == (201, "returned", "too_much")
    [told] = of(database, NeedReturned)
    assert (told.reason, told.returned_by) == ("too_much", town.id)
    assert act(client, need, "verification", town).json["code"] == "state_conflict"
    assert waiting(client, town) == []
    assert client.get(f"/v1/needs/{need}", by=village).json["return_note"] == "请按每人 10 公斤填写"
    assert client.patch(f"/v1/needs/{need}", {"quantity": 20}, by=town).status_code == 403
    assert client.patch(f"/v1/needs/{need}", {}, by=village).status_code == 422
    assert client.patch(f"/v1/needs/{need}", {"category": "food.caviar"}, by=village).json["code"] == "unknown_item"
    amended = client.patch(f"/v1/needs/{need}", {"quantity": 20, "category": "food.oil"}, by=village)
    assert (amended.status_code, amended.json["state"], amended.json["unit"], amended.json["returned_because"]) == (
        200,
        "posted",
        "l",
        None,
    )
    assert [one.quantity for one in of(database, NeedPosted)] == [50, 20]
    assert waiting(client, town) == [need]
    assert_retold(database, SNAPSHOTS)
    assert act(client, need, "verification", town).json["state"] == "published"
    assert client.patch(f"/v1/needs/{need}", {"quantity": 30}, by=village).json["code"] == "state_conflict"


def test_waiting_need_is_amended_without_a_new_clock(
    client: Client, database: RolledBack, village: Person, town: Person, household: UUID
) -> None:
    need = post(client, village, household)
    due = client.get(f"/v1/needs/{need}", by=town).json["due_at"]
    changed = client.patch(f"/v1/needs/{need}", {"urgency": "critical"}, by=village).json
    assert (changed["due_at"], changed["version"]) == (due, 2)
    assert [(one.version, one.urgency) for one in of(database, NeedPosted)] == [(1, "urgent"), (2, "critical")]


GUARD = "        if caller.id == need.confirmed_by:\n            return own_review()\n"


@pytest.mark.parametrize("guard", [GUARD, unguarded("", "without the rule, one person takes both steps")])
def test_large_value_takes_two_people_and_the_county(
    client: Client, database: RolledBack, village: Person, town: Person, county: Person, household: UUID, low: None,
    monkeypatch: pytest.MonkeyPatch, guard: str,
) -> None:  # fmt: skip
    judge = altered(need_rules._judge, GUARD, guard)
    for name in ("verify_need", "return_need", "reject_need"):
        monkeypatch.setitem(need_rules.NEED_RULES, name, judge)
    need = post(client, village, household)
    first = act(client, need, "verification", county, story=STORY)
    assert (first.json["state"], first.json["confirmed_by"]) == ("confirmed", str(county.id))
    [told] = of(database, NeedConfirmed)
    assert (told.version, told.confirmed_by) == (2, county.id)
    assert client.get(f"/v1/needs/{need}").status_code == 404
    assert act(client, need, "verification", town).json["code"] == "county_verifies"
    assert act(client, need, "verification", village).json["code"] == "own_need"
    assert act(client, need, "verification", county).json.get("code") == "own_review"
    second = administrator_of(database, VILLAGE[:4])
    assert waiting(client, second, step="county") == [need]
    assert waiting(client, second, step="village") == []
    assert act(client, need, "verification", second).json["state"] == "published"
    assert of(database, NeedPublished)[0].version == 3
    assert client.get(f"/v1/needs/{need}").json["story"] == STORY
    assert_retold(database, SNAPSHOTS)


@pytest.mark.parametrize(("above", "state"), [(VALUE, "published"), (VALUE - 1, "confirmed")])
def test_threshold_is_passed_by_a_greater_value_only(
    client: Client, village: Person, town: Person, county: Person, household: UUID, above: int, state: str
) -> None:
    client.put(SETTINGS, {"county_above": above}, by=county)
    need = post(client, village, household)
    assert client.get(f"/v1/needs/{need}", by=town).json["value"] == VALUE
    assert act(client, need, "verification", town).json["state"] == state


@pytest.mark.parametrize(("quantity", "state"), [(2_000_000, "published"), (2_000_001, "confirmed")])
def test_money_above_20000_yuan_goes_to_the_county_by_default(
    client: Client, database: RolledBack, village: Person, town: Person, household: UUID, quantity: int, state: str
) -> None:
    need = post(client, village, household, category="money.treatment", quantity=quantity)
    assert act(client, need, "verification", town).json["code"] == "charity_needed"
    [result] = decide(client, town, {"need_id": need, "act": "verify"}).json["results"]
    assert (result["outcome"], result["code"]) == ("refused", "charity_needed")
    assert named(client, database).status_code == 201
    assert act(client, need, "verification", town).json["state"] == state


def test_county_sets_its_own_threshold(
    client: Client, database: RolledBack, village: Person, town: Person, county: Person, household: UUID
) -> None:
    assert client.put(SETTINGS, {"county_above": 100}, by=town).status_code == 404
    made = client.put(SETTINGS, {"county_above": VALUE - 1}, by=county)
    assert made.json["in_force"] == {"county_above": VALUE - 1, "sample_per_mille": 100}
    city, of_city = administrator_of(database, VILLAGE[:4]), f"/v1/review-settings?region={VILLAGE[:4]}"
    assert client.put(of_city, {"county_above": 5, "sample_per_mille": 7}, by=city).status_code == 200
    shown = client.get(SETTINGS, by=town).json
    assert (shown["in_force"]["county_above"], shown["in_force"]["sample_per_mille"]) == (VALUE - 1, 7)
    assert (shown["version"], shown["allowed"]) == (1, [])
    need = post(client, village, household)
    assert act(client, need, "verification", town).json["state"] == "confirmed"
    assert client.put(SETTINGS, {}, by=county).json["in_force"] == {"county_above": 5, "sample_per_mille": 7}
    with database.begin() as session:
        known = session.scalar(
            text("SELECT count(*) FROM audit.entries WHERE act = 'set_review_settings' AND actor_id = :id"), {"id": county.id}
        )
    assert known == 2


def test_county_returns_a_confirmed_need_to_its_poster(
    client: Client, database: RolledBack, village: Person, town: Person, county: Person, household: UUID, low: None
) -> None:
    need = post(client, village, household)
    act(client, need, "verification", town)
    assert act(client, need, "return", county, reason="unclear").json["state"] == "returned"
    client.patch(f"/v1/needs/{need}", {"reason": "家里还有三位老人，粮食只够一周"}, by=village)
    assert act(client, need, "verification", town).json["state"] == "confirmed"
    assert act(client, need, "rejection", county, reason="absurd").json["state"] == "rejected"


def test_confirmed_and_returned_needs_can_be_withdrawn(client: Client, village: Person, town: Person, household: UUID, low: None) -> None:
    confirmed, returned = post(client, village, household), post(client, village, household)
    act(client, confirmed, "verification", town)
    act(client, returned, "return", town, reason="other")
    for need in (confirmed, returned):
        assert act(client, need, "withdrawal", village).json["state"] == "withdrawn"


@pytest.mark.parametrize("once", ["& Need.overdue_version.is_(None)", unguarded("", "without the version, every look tells again")])
def test_clock_reminds_then_tells_the_level_above_once(
    client: Client, database: RolledBack, village: Person, town: Person, household: UUID, monkeypatch: pytest.MonkeyPatch, once: str
) -> None:
    monkeypatch.setattr(actions, "tell_overdue", altered(actions.tell_overdue, "& Need.overdue_version.is_(None)", once))
    need, other = post(client, village, household), post(client, village, household)
    act(client, other, "verification", town)
    for kind, at in ((ReviewReminded, timedelta(hours=1)), (ReviewOverdue, timedelta(hours=-1))):
        set_due(database, need, datetime.now(UTC) + at)
        for _ in range(2):
            with database.begin() as session:
                actions.remind_reviewers(session)
                actions.tell_overdue(session)
        told = [(str(one.need_id), one.step) for one in of(database, kind)]
        assert told == [(need, "village")]
    assert of(database, ReviewOverdue)[0].version == 3
    assert_retold(database, SNAPSHOTS, restated=[NeedPosted, ReviewReminded])


def test_deadlines_are_two_and_twenty_working_days() -> None:
    friday = datetime(2026, 3, 6, 9, tzinfo=UTC)
    assert rules.find_due("posted", friday) == datetime(2026, 3, 10, 16, tzinfo=UTC)
    assert rules.find_due("confirmed", friday) == datetime(2026, 4, 3, 16, tzinfo=UTC)


def decide(client: Client, by: Person, *decisions: dict[str, Any]) -> Any:
    return client.post("/v1/needs/decisions", {"decisions": list(decisions)}, by=by)


def test_many_decisions_are_judged_one_by_one(client: Client, database: RolledBack, village: Person, town: Person, household: UUID) -> None:
    homes = [household_in(database, VILLAGE) for _ in range(4)]
    verified, returned, rejected, marked = (post(client, village, home) for home in homes)
    own = post(client, town, household)
    far = post(client, administrator_of(database, "520102016001"), household_in(database, "520102016001"))
    decisions: list[dict[str, Any]] = [
        {"need_id": verified, "act": "verify", "story": STORY},
        {"need_id": returned, "act": "return", "reason": "unclear", "note": "写明人数"},
        {"need_id": rejected, "act": "reject", "reason": "absurd"},
        {"need_id": marked, "act": "verify", "story": "电话13800000000"},
        {"need_id": own, "act": "verify"},
        {"need_id": far, "act": "verify"},
        {"need_id": str(new_id()), "act": "verify"},
    ]
    results = decide(client, town, *decisions).json["results"]
    assert [(one["outcome"], one["state"], one["code"]) for one in results] == [
        ("done", "published", None),
        ("done", "returned", None),
        ("done", "rejected", None),
        ("refused", "posted", "story_identifies"),
        ("refused", "posted", "own_need"),
        ("refused", None, "not_found"),
        ("refused", None, "not_found"),
    ]
    assert [one["need_id"] for one in results[-2:]] == [None, None]
    known = len(pending(database))
    assert decide(client, town, *decisions).json["results"] == results
    assert len(pending(database)) == known
    with database.begin() as session:
        assert session.scalar(text("SELECT count(*) FROM review_decisions")) == 3


def test_faulty_lists_of_decisions_change_nothing(
    client: Client, database: RolledBack, village: Person, town: Person, household: UUID
) -> None:
    need = post(client, village, household)
    verify = {"need_id": need, "act": "verify"}
    faulty: list[list[dict[str, Any]]] = [
        [], [verify, verify], [verify, {"need_id": str(new_id()), "act": "return"}], [verify | {"reason": "absurd"}],
        [{"need_id": need, "act": "reject", "reason": "unclear"}], [{"need_id": str(new_id()), "act": "verify"}] * 301,
    ]  # fmt: skip
    assert [decide(client, town, *decisions).status_code for decisions in faulty] == [422] * len(faulty)
    assert decide(client, administrator_of(database, "5107"), verify).status_code == 404
    assert waiting(client, town) == [need]


def test_three_hundred_needs_are_verified_with_few_statements(client: Client, database: RolledBack, village: Person, town: Person) -> None:
    needs = [post(client, village, household_in(database, VILLAGE)) for _ in range(12)]
    statements: list[str] = []

    def count(*arguments: Any) -> None:
        statements.append(arguments[2])

    event.listen(database.engine, "before_cursor_execute", count)
    results = decide(client, town, *({"need_id": need, "act": "verify"} for need in needs)).json["results"]
    event.remove(database.engine, "before_cursor_execute", count)
    assert {one["state"] for one in results} == {"published"}
    assert len(statements) < 30, statements
