"""An expired need is renewed for some time; a met need opens again when less had arrived than was confirmed."""

from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from chassis.data.database import new_id
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of, assert_retold
from chassis.testing.twins import altered, unguarded
from contracts.generate import example_of
from contracts.matching import MatchClosed, MatchCorrected, MatchReceived
from contracts.needs import NeedMet, NeedRenewed, NeedReopened
from contracts.users import HouseholdEnded, HouseholdMoved
from needs import actions, rules
from needs.life import actions as life
from needs.reopening import actions as reopening
from needs.snapshots import SNAPSHOTS

from .conftest import VILLAGE, household_in, rice
from .test_charities import named
from .test_life import DAYS, days_left, heard, pass_days, run, told

OTHER_VILLAGE = "510903001002"


@pytest.fixture
def account() -> Person:
    return Person("household")


@pytest.fixture
def home(database: RolledBack, account: Person) -> UUID:
    return household_in(database, VILLAGE, account)


def published(client: Client, town: Person, by: Person, **changes: Any) -> str:
    posted = client.post("/v1/needs", rice(**changes), by=by)
    path = f"/v1/needs/{posted.json['id']}"
    assert client.post(f"{path}/verification", by=town).json["state"] == "published"
    return path


@pytest.fixture
def need(client: Client, account: Person, town: Person, home: UUID) -> str:
    return published(client, town, account)


def expire(database: RolledBack, days_ago: int = 0) -> None:
    pass_days(database, DAYS - 3)
    run(database, life.remind_of_expiry)
    pass_days(database, 3)
    run(database, life.expire_needs)
    with database.begin() as session:
        earlier = text("UPDATE needs SET ended_at = ended_at - make_interval(days => :days) WHERE state = 'expired'")
        session.execute(earlier, {"days": days_ago})


def acts(client: Client, need: str, by: Person) -> list[tuple[str, str, str | None]]:
    return [(one["act"], one["actor"], one["reason"]) for one in client.get(f"{need}/history", by=by).json["items"]]


def test_expired_need_is_renewed_by_its_household(client: Client, database: RolledBack, account: Person, need: str) -> None:
    expire(database, 29)
    assert (client.get("/v1/needs").json["items"], "renew_need" in client.get(need, by=account).json["allowed"]) == ([], True)
    answer = client.post(f"{need}/renewal", by=account)
    assert (answer.status_code, answer.json["state"], answer.json["ended_because"], days_left(answer.json)) == (
        201,
        "published",
        None,
        DAYS,
    )
    assert [item["id"] for item in client.get("/v1/needs").json["items"]] == [need[-36:]]
    [event] = told(database, NeedReopened)
    assert (event.reason, event.reopened_by, event.version, event.urgency) == ("renewed", account.id, answer.json["version"], "urgent")
    assert acts(client, need, account)[0] == ("reopened", "household", "renewed")
    assert told(database, NeedRenewed) == []
    assert_retold(database, SNAPSHOTS)


OVER = "now() < need.ended_at + RENEWED_WITHIN"


@pytest.mark.parametrize("guard", [OVER, unguarded("True", "without a limit a need is renewed a year after its expiry")])
def test_need_that_expired_long_ago_is_not_renewed(
    client: Client, database: RolledBack, account: Person, need: str, monkeypatch: pytest.MonkeyPatch, guard: str
) -> None:
    monkeypatch.setitem(rules.NEED_RULES, "renew_need", altered(rules.NEED_RULES["renew_need"], OVER, guard))
    expire(database, 31)
    assert "renew_need" not in client.get(need, by=account).json["allowed"]
    answer = client.post(f"{need}/renewal", by=account)
    assert (answer.status_code, answer.json["code"]) == (409, "renewal_over")
    assert client.get(need).json["state"] == "expired"


def test_agents_renew_an_expired_need_and_nobody_else(
    client: Client, database: RolledBack, town: Person, village: Person, household: UUID
) -> None:
    first = published(client, town, village, household_id=str(household), consent="slip")
    second = published(client, town, village, household_id=str(household_in(database, VILLAGE)), consent="slip")
    expire(database)
    for other, code in ((town, "not_allowed"), (administrator_of(database, "510923"), "not_found"), (Person("household"), "not_found")):
        assert client.post(f"{first}/renewal", by=other).json["code"] == code
    assert client.post(f"{first}/renewal", by=village).status_code == 201
    colleague = administrator_of(database, VILLAGE)
    assert client.post(f"{second}/renewal", by=colleague).status_code == 201
    assert acts(client, second, town)[0] == ("reopened", "administrator", "renewed")


REPEAT = "if repeat := queries.find_repeat(session, need):"


@pytest.mark.parametrize("guard", [REPEAT, unguarded("if repeat := None:", "without it, the household asks for the same twice")])
def test_need_that_was_posted_again_is_not_renewed(
    client: Client, database: RolledBack, account: Person, need: str, monkeypatch: pytest.MonkeyPatch, guard: str
) -> None:
    monkeypatch.setattr(reopening, "_require_as_new", altered(reopening._require_as_new, REPEAT, guard))
    expire(database)
    repeat = client.post("/v1/needs", rice(), by=account).json["id"]
    answer = client.post(f"{need}/renewal", by=account)
    assert (answer.status_code, answer.json.get("code"), answer.json.get("need_id")) == (409, "posted_again", repeat)
    client.post(f"/v1/needs/{repeat}/withdrawal", by=account)
    assert client.post(f"{need}/renewal", by=account).status_code == 201


def test_renewal_takes_the_limits_and_terms_of_now(client: Client, database: RolledBack, account: Person, need: str) -> None:
    county = administrator_of(database, VILLAGE[:6])
    expire(database)
    sets = {"sets": None, "items": [{"category": "food.rice", "most": 40}], "forbidden": []}
    assert client.put(f"/v1/catalogue/rules?region={VILLAGE[:6]}", sets, by=county).status_code == 200
    refused, like = client.post(f"{need}/renewal", by=account), client.post("/v1/needs", rice(), by=account)
    assert (refused.status_code, refused.json["code"], like.json["code"]) == (422, refused.json["code"], refused.json["code"])
    assert client.get(need).json["state"] == "expired"


@pytest.mark.parametrize("is_faulted", [True, False])
def test_verification_that_holds_no_more_is_not_renewed(
    client: Client, database: RolledBack, town: Person, account: Person, home: UUID, is_faulted: bool
) -> None:
    county = administrator_of(database, VILLAGE[:6])
    settings = f"/v1/review-settings?region={VILLAGE[:6]}"
    assert client.put(settings, {"sample_per_mille": 1000}, by=county).status_code == 200
    need = published(client, town, account)
    if is_faulted:
        [sample] = client.get("/v1/samples", by=county).json["items"]
        client.post(f"/v1/samples/{sample['id']}/verdict", {"verdict": "wrong", "reason": "not_true"}, by=county)
    else:
        assert client.put(settings, {"county_above": 100}, by=county).status_code == 200
    expire(database)
    answer = client.post(f"{need}/renewal", by=account)
    assert (answer.status_code, answer.json["code"]) == (409, "review_needed")


def test_renewed_need_is_where_its_household_lives_now(
    client: Client, database: RolledBack, account: Person, home: UUID, need: str
) -> None:
    expire(database)
    moved = replace(example_of(HouseholdMoved), household_id=home, version=2, account_id=account.id, region=OTHER_VILLAGE)
    with database.begin() as session:
        actions.record_households(session, [moved])
    assert client.post(f"{need}/renewal", by=account).json["region"] == OTHER_VILLAGE
    [event] = told(database, NeedReopened)
    assert event.region == OTHER_VILLAGE


def test_need_of_a_household_that_left_is_not_renewed(
    client: Client, database: RolledBack, village: Person, town: Person, household: UUID
) -> None:
    need = published(client, town, village, household_id=str(household), consent="slip")
    expire(database)
    left = replace(example_of(HouseholdEnded), household_id=household, version=2, account_id=None, region=VILLAGE, merged_into=None)
    with database.begin() as session:
        actions.record_households(session, [left])
    answer = client.post(f"{need}/renewal", by=village)
    assert (answer.status_code, answer.json["code"]) == (409, "household_left")


def meet(database: RolledBack, need: str, quantity: int = 50) -> UUID:
    match = new_id()
    heard(database, MatchReceived, need, 4, match, quantity, sent=quantity, received=quantity)
    assert len(told(database, NeedMet)) == 1
    return match


def test_met_need_opens_again_when_less_had_arrived(client: Client, database: RolledBack, account: Person, need: str) -> None:
    match = meet(database, need)
    for _ in range(2):
        heard(database, MatchCorrected, need, 6, match, 50, sent=50, received=20)
    shown = client.get(need, by=account).json
    assert (shown["state"], shown["delivered"], shown["accepted"], days_left(shown)) == ("published", 20, 20, DAYS)
    assert [item["id"] for item in client.get("/v1/needs").json["items"]] == [need[-36:]]
    [event] = told(database, NeedReopened)
    assert (event.reason, event.reopened_by, event.version) == ("not_received", None, shown["version"])
    assert acts(client, need, account)[0] == ("reopened", "system", "not_received")
    assert_retold(database, SNAPSHOTS)
    heard(database, MatchClosed, need, 7, match, 50, sent=50, received=20, reason="partly_delivered")
    assert client.get(need).json["state"] == "published"
    other = new_id()
    heard(database, MatchReceived, need, 4, other, 30, sent=30, received=30)
    assert client.get(need).json["state"] == "met"
    assert [event.version for event in told(database, NeedMet)] == [3, 5]
    assert_retold(database, SNAPSHOTS)


def test_need_that_its_side_ended_does_not_open_again(client: Client, database: RolledBack, account: Person, need: str) -> None:
    heard(database, MatchReceived, need, 4, match := new_id(), 50 - 1, sent=50, received=49)
    assert client.post(f"{need}/withdrawal", by=account).status_code == 201
    heard(database, MatchCorrected, need, 6, match, 50, sent=50, received=0)
    assert (client.get(need, by=account).json["state"], told(database, NeedReopened)) == ("withdrawn", [])


def test_met_need_for_money_opens_again_through_a_charity_alone(
    client: Client, database: RolledBack, town: Person, account: Person, home: UUID
) -> None:
    charity = named(client, database)
    asked = {"category": "money.living", "quantity": 10_000, "reason": "一家三口没有收入"}
    need = published(client, town, account, **asked)
    match = meet(database, need, 10_000)
    county = administrator_of(database, VILLAGE[:6])
    assert client.post(f"/v1/charities/{charity.json['id']}/ending", by=county).status_code == 201
    heard(database, MatchCorrected, need, 6, match, 10_000, sent=10_000, received=0)
    assert client.get(need, by=account).json["state"] == "met"
    assert named(client, database).status_code == 201
    heard(database, MatchClosed, need, 7, match, 10_000, sent=10_000, received=0, reason="nothing_arrived")
    assert client.get(need, by=account).json["state"] == "published"
