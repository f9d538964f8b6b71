"""Samples of verified needs, and the error rates of reviewers."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text

from chassis.data.database import new_id
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of, assert_retold, auditor_of
from contracts.needs import NeedClosed, VerificationFaulted
from needs.samples import rules
from needs.samples.model import Sample, Seed
from needs.snapshots import SNAPSHOTS

from .conftest import VILLAGE, household_in, pending, rice
from .test_charities import named

PATH = f"/v1/review-settings?region={VILLAGE[:6]}"


@pytest.fixture
def county(database: RolledBack) -> Person:
    return administrator_of(database, VILLAGE[:6])


def verified(client: Client, database: RolledBack, village: Person, by: Person, **changes: Any) -> str:
    asked = rice(household_id=str(household_in(database, VILLAGE)), consent="slip", **changes)
    need = str(client.post("/v1/needs", asked, by=village).json["id"])
    assert client.post(f"/v1/needs/{need}/verification", by=by).json["state"] == "published"
    return need


def samples(client: Client, by: Person, **query: Any) -> list[dict[str, Any]]:
    answer = client.get("/v1/samples", by=by, **query)
    assert answer.status_code == 200, answer.json
    items: list[dict[str, Any]] = answer.json["items"]
    return items


def check(client: Client, sample: dict[str, Any], by: Person, **body: Any) -> Any:
    return client.post(f"/v1/samples/{sample['id']}/verdict", body, by=by)


def test_sample_is_drawn_again_from_the_same_seed(
    client: Client, database: RolledBack, village: Person, town: Person, county: Person
) -> None:
    client.put(PATH, {"sample_per_mille": 500}, by=county)
    needs = [verified(client, database, village, town) for _ in range(12)]
    with database.begin() as session:
        seed = session.scalars(select(Seed.seed)).one()
        drawn = {str(one) for one in session.scalars(select(Sample.need_id))}
    assert drawn == {need for need in needs if rules.is_drawn(seed, UUID(need), 500)}
    assert {one["need_id"] for one in samples(client, county)} == drawn


@pytest.mark.parametrize("share", [0, 100, 1000])
def test_share_of_drawn_needs_is_the_set_one(share: int) -> None:
    drawn = sum(rules.is_drawn(-5, new_id(), share) for _ in range(4_000))
    assert abs(drawn - 4 * share) <= (0 if share in {0, 1000} else 80)


def test_careless_reviewer_appears_in_the_error_rate(
    client: Client, database: RolledBack, village: Person, town: Person, county: Person
) -> None:
    client.put(PATH, {"sample_per_mille": 1000}, by=county)
    careful = administrator_of(database, VILLAGE[:9])
    for by in (town, careful, town):
        verified(client, database, village, by)
    asked = rice(household_id=str(household_in(database, VILLAGE)), consent="slip")
    returned = client.post("/v1/needs", asked, by=village).json["id"]
    client.post(f"/v1/needs/{returned}/return", {"reason": "unclear"}, by=careful)
    for sample in samples(client, county, checked="false"):
        is_wrong = sample["reviewer_id"] == str(town.id)
        body = {"verdict": "wrong", "reason": "absurd"} if is_wrong else {"verdict": "right"}
        assert check(client, sample, county, **body).status_code == 201
    found = client.get("/v1/reviewers", by=county, region=VILLAGE[:9]).json["items"]
    figures = ("verified", "returned", "sampled", "checked", "wrong", "error_rate", "weighted_error_rate")
    assert [(one["id"], *(one[name] for name in figures)) for one in found] == [
        (str(town.id), 2, 0, 2, 2, 2, 1.0, 1.0),
        (str(careful.id), 1, 1, 1, 1, 0, 0.0, 0.0),
    ]
    assert samples(client, county, checked="false") == []


def test_small_needs_do_not_dilute_a_large_error(
    client: Client, database: RolledBack, village: Person, town: Person, county: Person
) -> None:
    client.put(PATH, {"sample_per_mille": 1000}, by=county)
    assert named(client, database).status_code == 201
    money = {"category": "money.living", "reason": "一家三口没有收入"}
    for quantity in (10_000, 10_000, 10_000, 1_000_000):
        verified(client, database, village, town, **money, quantity=quantity)
    for sample in samples(client, county):
        need = client.get(f"/v1/needs/{sample['need_id']}", by=county).json
        body = {"verdict": "wrong", "reason": "too_much"} if need["quantity"] == 1_000_000 else {"verdict": "right"}
        check(client, sample, county, **body)
    [found] = client.get("/v1/reviewers", by=county).json["items"]
    assert (found["error_rate"], round(found["weighted_error_rate"], 3)) == (0.25, round(1_000_000 / 1_030_000, 3))


def test_only_an_outsider_of_the_county_checks(client: Client, database: RolledBack, village: Person, town: Person, county: Person) -> None:
    client.put(PATH, {"sample_per_mille": 1000}, by=county)
    need = verified(client, database, village, county)
    [sample] = samples(client, county)
    assert (sample["need_id"], sample["allowed"]) == (need, [])
    assert check(client, sample, county, verdict="right").json["code"] == "own_verification"
    for path in ("/v1/samples", f"/v1/samples/{sample['id']}", "/v1/reviewers"):
        assert client.get(path, by=town).status_code == 403
        assert client.get(path, by=auditor_of(database, VILLAGE[:6])).status_code == 200
    assert check(client, sample, town, verdict="right").status_code == 403
    assert check(client, sample, administrator_of(database, "5107"), verdict="right").status_code == 404
    for body in ({}, {"verdict": "wrong"}, {"verdict": "right", "reason": "absurd"}, {"verdict": "right", "close": True}):
        assert check(client, sample, administrator_of(database, VILLAGE[:4]), **body).status_code == 422


def test_need_found_wrong_is_closed_with_the_verdict(
    client: Client, database: RolledBack, village: Person, town: Person, county: Person
) -> None:
    client.put(PATH, {"sample_per_mille": 1000}, by=county)
    need = verified(client, database, village, town)
    [sample] = samples(client, county)
    answer = check(client, sample, county, verdict="wrong", reason="not_true", close=True)
    assert (answer.json["verdict"], answer.json["checked_by"], answer.json["allowed"]) == ("wrong", str(county.id), [])
    assert client.get(f"/v1/needs/{need}").json["state"] == "closed"
    closed, faulted = pending(database)[-2:]
    assert isinstance(closed, NeedClosed)
    assert isinstance(faulted, VerificationFaulted)
    assert (faulted.reviewer_id, faulted.second_reviewer_id, faulted.reason, faulted.need_id) == (town.id, None, "not_true", UUID(need))
    assert_retold(database, SNAPSHOTS)
    assert check(client, sample, administrator_of(database, ""), verdict="right").json["code"] == "state_conflict"


def test_period_of_reviewers_is_checked(client: Client, database: RolledBack, village: Person, town: Person, county: Person) -> None:
    client.put(PATH, {"sample_per_mille": 0}, by=county)
    verified(client, database, village, town)
    assert client.get("/v1/reviewers", by=county, since="2020-01-01T00:00:00Z", until="2020-03-01T00:00:00Z").json["items"] == []
    for since in ("2020-01-01T00:00:00Z", "2190-01-01T00:00:00Z"):
        assert client.get("/v1/reviewers", by=county, since=since).status_code == 422
    with database.begin() as session:
        session.execute(text("UPDATE review_decisions SET decided_at = now() - interval '100 days'"))
    assert client.get("/v1/reviewers", by=county).json["items"] == []


def test_reviewers_see_their_own_faults_and_nobody_elses(
    client: Client, database: RolledBack, village: Person, town: Person, county: Person
) -> None:
    client.put(PATH, {"sample_per_mille": 1000, "county_above": 10_000}, by=county)
    need = verified_twice(client, database, village, town, county)
    verified(client, database, village, town, quantity=1)
    verdicts = {need: {"verdict": "wrong", "reason": "too_much"}}
    for sample in samples(client, city := administrator_of(database, VILLAGE[:4])):
        assert check(client, sample, city, **verdicts.get(sample["need_id"], {"verdict": "right"})).status_code == 201
    for by, found in ((town, [need]), (county, [need]), (city, []), (administrator_of(database, VILLAGE[:9]), [])):
        items = client.get("/v1/samples/mine", by=by).json["items"]
        assert [one["need_id"] for one in items] == found
        assert all("checked_by" not in one for one in items)
    [event] = [event for event in pending(database) if isinstance(event, VerificationFaulted)]
    assert (event.reviewer_id, event.second_reviewer_id) == (town.id, county.id)


def verified_twice(client: Client, database: RolledBack, village: Person, town: Person, county: Person) -> str:
    asked = rice(household_id=str(household_in(database, VILLAGE)), consent="slip")
    need = str(client.post("/v1/needs", asked, by=village).json["id"])
    assert client.post(f"/v1/needs/{need}/verification", by=town).json["state"] == "confirmed"
    assert client.post(f"/v1/needs/{need}/verification", by=county).json["state"] == "published"
    return need
