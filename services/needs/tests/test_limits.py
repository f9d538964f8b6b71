"""Limits: what one person may pledge and post at once, by kind, trust and region."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace
from sqlalchemy import event, text

from chassis.data.client_ids import find_sent_before
from chassis.data.database import Database, new_id, now
from chassis.http.app import create_app
from chassis.http.auth import GIVERS
from chassis.testing.fixtures import Client, KnownKeys, Person, RolledBack, administrator_of
from chassis.testing.simultaneous import meet_at_lock
from chassis.testing.twins import altered, altered_sql, unguarded
from contracts.generate import example_of
from contracts.matching import (
    MatchAccepted,
    MatchClosed,
    MatchLapsed,
    MatchProposed,
    MatchReceived,
    MatchRevised,
    MatchSent,
    PledgeReleased,
)
from contracts.users import HouseholdEnded, OrganisationVerificationEnded, OrganisationVerified
from needs import actions
from needs.api import api
from needs.limits import actions as limits
from needs.limits import queries, rules
from needs.limits.defaults import default_limits
from needs.limits.rules import Giving, Pledged

from .conftest import VILLAGE, household_in, offer, rice

COUNTY, TOWN, ELSEWHERE = VILLAGE[:6], VILLAGE[:9], "510722"
OPEN = default_limits()["donor", "new", "open_pledges"]
UNITS = default_limits()["donor", "new", "units"]
QUILTS: dict[str, Any] = {"category": "clothing.quilt", "unit": "piece", "quantity": 1}


NAMES = {
    "too_many_pledges": "open_pledges",
    "too_many_proposals": "proposals",
    "too_many_units": "units",
    "too_many_needs": "needs_a_day",
    "too_many_posted": "needs_a_day",
}


def refused(answer: Any) -> tuple[str, int, int, int]:
    """The code of the refusal, and what it says is allowed, used and left, after a look at the limit's name."""
    assert answer.status_code == 422, answer.text
    assert answer.json["limit"]["name"] == NAMES[answer.json["code"]]
    return answer.json["code"], *(answer.json["limit"][name] for name in ("most", "used", "left"))


def pledged(client: Client, giver: Person, **changes: Any) -> str:
    answer = client.post("/v1/pledges", offer(**QUILTS | changes), by=giver)
    assert answer.status_code == 201, answer.text
    return str(answer.json["id"])


def heard(database: RolledBack, kind: type[Any], pledge_id: str, version: int, **changes: Any) -> UUID:
    """Handle an event of matching about a pledge; return its match."""
    event = replace(example_of(kind), **{"pledge_id": UUID(pledge_id), "match_id": new_id(), "version": version} | changes)
    with database.begin() as session:
        actions.record_matches(session, [event])
    return event.match_id


def delivered(database: RolledBack, pledge_id: str) -> None:
    match_id = heard(database, MatchSent, pledge_id, 3, quantity=1, sent=1)
    heard(database, MatchReceived, pledge_id, 4, match_id=match_id, quantity=1, sent=1, received=1)


def verified(database: RolledBack, organisation: Person, kind: type[Any] = OrganisationVerified, version: int = 1) -> None:
    with database.begin() as session:
        limits.record_verifications(session, [replace(example_of(kind), user_id=organisation.id, version=version)])


def test_one_open_pledge_too_many_is_refused_with_what_is_left(client: Client, database: RolledBack, donor: Person) -> None:
    items = ["food.rice", "food.flour", "clothing.coat", "clothing.shoes", "household.fan", "household.desk"]
    units = {"food.rice": "kg", "food.flour": "kg", "clothing.shoes": "pair"}
    for item in items[:OPEN]:
        pledged(client, donor, category=item, unit=units.get(item, "piece"))
    answer = client.post("/v1/pledges", offer(**QUILTS), by=donor)
    assert refused(answer) == ("too_many_pledges", OPEN, OPEN, 0)
    assert answer.json["title"] == "您同时有效的爱心意向最多 5 份，现有 5 份，还可登记 0 份，请先完成或撤回一份"
    in_english = client.post("/v1/pledges", offer(**QUILTS), by=donor, headers={"Accept-Language": "en"})
    assert in_english.json["title"] == (
        "You can have at most 5 open pledges: 5 open, 0 left. Wait until some are used up, or withdraw one."
    )
    with database.begin() as session:
        assert session.scalar(text("SELECT count(*) FROM pledges")) == OPEN
        assert session.scalar(text("SELECT count(*) FROM outbox")) == OPEN


def test_units_of_an_item_are_summed_over_pledges_and_groups(client: Client, donor: Person) -> None:
    pledged(client, donor, quantity=60)
    assert refused(client.post("/v1/pledges", offer(**QUILTS | {"quantity": 41}), by=donor)) == ("too_many_units", UNITS, 60, 40)
    pledged(client, donor, category="clothing.coat", quantity=UNITS)
    group = QUILTS | {"category": "clothing", "quantity": 1}
    assert refused(client.post("/v1/pledges", offer(**group), by=donor)) == ("too_many_units", UNITS, 60 + UNITS, 0)
    pledged(client, donor, quantity=40, region="")


def test_money_is_limited_in_yuan_and_rice_in_kilograms(client: Client, donor: Person) -> None:
    money = {"kind": "money", "category": "money.living", "unit": "fen", "quantity": UNITS * 10_000 + 1}
    answer = client.post("/v1/pledges", offer(**money), by=donor)
    assert refused(answer) == ("too_many_units", UNITS * 10_000, 0, UNITS * 10_000)
    assert answer.json["title"] == "同一品类的爱心意向，您最多可同时登记 10,000 元，已登记 0 元，还可登记 10,000 元，请减少数量"
    in_english = client.post("/v1/pledges", offer(**money), by=donor, headers={"Accept-Language": "en"})
    assert "10,000 yuan" in in_english.json["title"]
    pledged(client, donor, category="food.rice", unit="kg", quantity=UNITS * 5)


def test_raising_a_pledge_is_limited_and_lowering_never_is(client: Client, database: RolledBack, donor: Person) -> None:
    pledge = f"/v1/pledges/{pledged(client, donor, quantity=60)}"
    pledged(client, donor, quantity=30)
    assert refused(client.patch(pledge, {"quantity": 71}, by=donor)) == ("too_many_units", UNITS, 30, 70)
    assert client.get(pledge, by=donor).json["version"] == 1
    with database.begin() as session:
        session.execute(text("UPDATE pledges SET quantity = 10^9"))
    assert client.patch(pledge, {"quantity": 10**6}, by=donor).status_code == 202, "what is too much already may become less"
    assert client.patch(pledge, {"quantity": 10**6 + 1}, by=donor).status_code == 422


@pytest.mark.parametrize(
    "is_seen",
    [True, unguarded(False, "without a look at reopened pledges, an expired one comes back beside as many new ones")],
)
def test_an_expired_pledge_is_reopened_within_the_limit(
    client: Client, database: RolledBack, donor: Person, monkeypatch: pytest.MonkeyPatch, is_seen: bool
) -> None:
    if not is_seen:
        monkeypatch.setattr(actions.rules, "offers_more", lambda pledge, wanted, now: False)
    pledge = pledged(client, donor, quantity=UNITS)
    with database.begin() as session:
        session.execute(text("UPDATE pledges SET valid_until = now() - interval '1 second', expired = true"))
    pledged(client, donor, quantity=UNITS)
    until = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    assert client.patch(f"/v1/pledges/{pledge}", {"valid_until": until}, by=donor).status_code == 422


def test_a_withdrawn_pledge_counts_until_matching_has_answered(client: Client, database: RolledBack, donor: Person) -> None:
    pledge = pledged(client, donor, quantity=UNITS)
    client.post(f"/v1/pledges/{pledge}/withdrawal", by=donor)
    assert client.post("/v1/pledges", offer(**QUILTS), by=donor).status_code == 422
    answer = replace(example_of(PledgeReleased), pledge_id=UUID(pledge), version=1, answers=2, withdrawn=True, quantity=UNITS)
    with database.begin() as session:
        actions.record_releases(session, [answer])
    pledged(client, donor, quantity=UNITS)


@pytest.mark.parametrize(
    "counted",
    [
        "coalesce(promised, 0) + CASE",
        unguarded("CASE", "without promised units, whoever claims with each pledge binds needs without end"),
    ],
)
def test_claimed_units_count_until_they_are_received(
    client: Client, database: RolledBack, donor: Person, monkeypatch: pytest.MonkeyPatch, counted: str
) -> None:
    counts = limits.queries._GIVING.text.replace("coalesce(promised, 0) + CASE", counted)
    monkeypatch.setattr(limits.queries, "_GIVING", text(counts))
    pledge = pledged(client, donor, quantity=UNITS)
    match_id = heard(database, MatchAccepted, pledge, 1, quantity=UNITS)
    assert refused(client.post("/v1/pledges", offer(**QUILTS), by=donor)) == ("too_many_units", UNITS, UNITS, 0)
    heard(database, MatchSent, pledge, 2, match_id=match_id, quantity=UNITS, sent=UNITS)
    assert client.post("/v1/pledges", offer(**QUILTS), by=donor).status_code == 422
    heard(database, MatchReceived, pledge, 3, match_id=match_id, quantity=UNITS, sent=UNITS, received=UNITS)
    pledged(client, donor, quantity=UNITS)


def test_units_of_a_no_show_may_be_pledged_again(client: Client, database: RolledBack, donor: Person) -> None:
    pledge = pledged(client, donor, quantity=UNITS)
    match_id = heard(database, MatchAccepted, pledge, 2, quantity=UNITS)
    heard(database, MatchClosed, pledge, 3, match_id=match_id, quantity=UNITS, sent=0, received=0, reason="giver_no_show")
    assert client.post("/v1/pledges", offer(**QUILTS), by=donor).status_code == 422, "the units are open in the pledge again"
    client.post(f"/v1/pledges/{pledge}/withdrawal", by=donor)
    with database.begin() as session:
        session.execute(text("UPDATE pledges SET answered_version = version"))
    pledged(client, donor, quantity=UNITS)


def test_unanswered_proposals_come_before_further_pledges(client: Client, database: RolledBack, donor: Person) -> None:
    most = default_limits()["donor", "new", "proposals"]
    pledge = pledged(client, donor, quantity=most)
    matches = [heard(database, MatchProposed, pledge, 1, quantity=1) for _ in range(most)]
    assert refused(client.post("/v1/pledges", offer(), by=donor)) == ("too_many_proposals", most, most, 0)
    assert client.patch(f"/v1/pledges/{pledge}", {"quantity": most + 1}, by=donor).status_code == 422
    heard(database, MatchAccepted, pledge, 2, quantity=1, match_id=matches[0])
    pledged(client, donor)


@pytest.mark.parametrize("kind", [MatchRevised, MatchLapsed])
def test_proposal_that_ended_makes_room_again(client: Client, database: RolledBack, donor: Person, kind: type[Any]) -> None:
    most = default_limits()["donor", "new", "proposals"]
    pledge = pledged(client, donor, quantity=most)
    matches = [heard(database, MatchProposed, pledge, 1, quantity=1) for _ in range(most)]
    assert client.post("/v1/pledges", offer(), by=donor).status_code == 422
    heard(database, kind, pledge, 2, quantity=1, match_id=matches[0])
    pledged(client, donor)


def test_a_delivery_makes_a_giver_proven(client: Client, database: RolledBack, donor: Person) -> None:
    pledge = pledged(client, donor, quantity=UNITS)
    assert client.post("/v1/pledges", offer(**QUILTS), by=donor).status_code == 422
    delivered(database, pledge)
    pledged(client, donor, quantity=UNITS)


def test_verification_raises_an_organisation_until_it_ends(client: Client, database: RolledBack) -> None:
    organisation, merchant = Person("organisation"), Person("merchant")
    much = offer(**QUILTS | {"quantity": 100_000})
    assert client.post("/v1/pledges", much, by=organisation).status_code == 422
    for one in (organisation, merchant):
        verified(database, one)
        assert client.post("/v1/pledges", much, by=one).status_code == 201
    verified(database, organisation, OrganisationVerificationEnded, version=3)
    verified(database, organisation, version=2)
    assert refused(client.post("/v1/pledges", much, by=organisation)) == ("too_many_units", 500, 100_000, 0)


def test_verification_does_not_raise_a_donor(client: Client, database: RolledBack, donor: Person) -> None:
    verified(database, donor)
    assert client.post("/v1/pledges", offer(**QUILTS | {"quantity": UNITS + 1}), by=donor).status_code == 422


def test_chicks_count_by_tens_and_quilts_by_ones(client: Client, donor: Person) -> None:
    chicks = {"category": "farming.chick", "unit": "piece", "quantity": UNITS * 10 + 1}
    answer = client.post("/v1/pledges", offer(**chicks), by=donor)
    assert refused(answer) == ("too_many_units", UNITS * 10, 0, UNITS * 10)
    quilts = client.post("/v1/pledges", offer(**QUILTS | {"quantity": UNITS + 1}), by=donor)
    assert quilts.json["title"] == f"同一品类的爱心意向，您最多可同时登记 {UNITS} 床，已登记 0 床，还可登记 {UNITS} 床，请减少数量"


def test_staff_are_verified_and_regions_enclose() -> None:
    assert rules.find_trust("staff", has_delivered=False, is_verified=False) == "verified"
    assert rules.list_enclosing_regions(VILLAGE) == [VILLAGE[:6], VILLAGE[:4], VILLAGE[:2], ""]


@pytest.mark.parametrize("kind", sorted(GIVERS))
def test_every_kind_of_giver_has_limits(kind: str) -> None:
    for trust in ("new", "proven"):
        found = rules.choose_limits(kind, trust, VILLAGE, {})
        assert found.keys() == {"open_pledges", "units", "proposals"}
        assert rules.find_giving_problem(found, Giving(1, 10**9, 10**9, 0, has_delivered=False), "clothing.quilt", "piece")


PLEDGED = [
    Pledged(new_id(), category, unit, outstanding, proposals)
    for category, unit, outstanding, proposals in (
        ("food.rice", "kg", 1, 2),
        ("food", "kg", 30, 0),
        ("food.rice", "bag", 5, 1),
        ("food.oil", "kg", 7, 0),
        ("food.rice", "kg", 0, 4),
    )
]


@pytest.mark.parametrize(
    ("category", "unit", "own", "giving"),
    [
        ("food.rice", "kg", (), Giving(4, 31, 0, 7, has_delivered=True, own_open=0)),
        ("food.rice", "kg", (0,), Giving(4, 31, 1, 7, has_delivered=True)),
        ("food.rice", "kg", (0, 1, 4), Giving(4, 31, 31, 7, has_delivered=True, own_open=2)),
        ("food", "kg", (1, 3), Giving(4, 38, 37, 7, has_delivered=True, own_open=2)),
        ("food.rice", "bag", (0,), Giving(4, 5, 0, 7, has_delivered=True)),
        ("clothing.quilt", "piece", (4,), Giving(4, 0, 0, 7, has_delivered=True, own_open=0)),
    ],
)
def test_pledges_of_the_item_and_its_group_are_summed_up(category: str, unit: str, own: tuple[int, ...], giving: Giving) -> None:
    assert rules.sum_up(PLEDGED, category, unit, {PLEDGED[place].id for place in own}, has_delivered=True) == giving
    assert not rules.sum_up(PLEDGED, category, unit, (), has_delivered=False).has_delivered


def test_one_more_pledge_counts_with_those_before() -> None:
    before = Giving(4, 31, 31, 7, has_delivered=True, own_open=2)
    assert rules.add_one(before, 10) == Giving(5, 41, 10, 7, has_delivered=True, own_open=1)


def test_a_household_posts_ten_needs_a_day_and_more_once_helped(client: Client, database: RolledBack, village: Person) -> None:
    household, account = household_in(database, VILLAGE), Person("household")
    own = household_in(database, VILLAGE, account)
    on_behalf = rice(household_id=str(household), consent="slip")
    for _ in range(10):
        assert client.post("/v1/needs", on_behalf, by=village).status_code == 201
        assert client.post("/v1/needs", rice(), by=account).status_code == 201
    answer = client.post("/v1/needs", on_behalf, by=village)
    assert refused(answer) == ("too_many_needs", 10, 10, 0)
    assert answer.json["title"] == "一户人家 24 小时内最多发布 10 项需求，已发布 10 项，还可发布 0 项，请稍后再试"
    assert refused(client.post("/v1/needs", rice(), by=account)) == ("too_many_needs", 10, 10, 0)
    with database.begin() as session:
        session.execute(text("INSERT INTO need_quantities SELECT id, 1, 0, 1 FROM needs WHERE household_id = :own LIMIT 1"), {"own": own})
    assert client.post("/v1/needs", rice(), by=account).status_code == 201
    with database.begin() as session:
        session.execute(text("UPDATE needs SET posted_at = now() - interval '1 day'"))
    assert client.post("/v1/needs", on_behalf, by=village).status_code == 201


@pytest.mark.parametrize("is_one", [True, unguarded(False, "without those merged into it, a household begins its day anew")])
def test_a_merge_begins_no_new_day(
    client: Client, database: RolledBack, village: Person, monkeypatch: pytest.MonkeyPatch, is_one: bool
) -> None:
    if not is_one:
        alone = altered_sql(queries._POSTING, f"WHERE household_id = {queries._AS_ONE}", "WHERE household_id = :household")
        monkeypatch.setattr(queries, "_POSTING", alone)
    ended, into = household_in(database, VILLAGE), household_in(database, VILLAGE)
    for _ in range(10):
        need = client.post("/v1/needs", rice(household_id=str(ended), consent="slip"), by=village).json["id"]
        assert client.post(f"/v1/needs/{need}/withdrawal", by=village).status_code == 201
    merge(database, ended, into)
    answer = client.post("/v1/needs", rice(household_id=str(into), consent="slip"), by=village)
    assert refused(answer) == ("too_many_needs", 10, 10, 0)


def merge(database: RolledBack, household: UUID, into: UUID) -> None:
    merged = HouseholdEnded(
        version=9, household_id=household, account_id=None, region=VILLAGE, reason="merged", merged_into=into, ended_by=None, ended_at=now()
    )
    with database.begin() as session:
        actions.record_households(session, [merged])


ONE_STEP = "WHERE household_id = ANY(ARRAY(SELECT id FROM households WHERE id = :household OR merged_into = :household))"


@pytest.mark.parametrize("follows", [True, unguarded(False, "without the chain of merges, a second one begins a new day")])
def test_merges_one_after_the_other_begin_no_new_day(
    client: Client, database: RolledBack, village: Person, monkeypatch: pytest.MonkeyPatch, follows: bool
) -> None:
    if not follows:
        one_step = altered_sql(queries._POSTING, f"WHERE household_id = {queries._AS_ONE}", ONE_STEP)
        monkeypatch.setattr(queries, "_POSTING", one_step)
    first, second, third = (household_in(database, VILLAGE) for _ in range(3))
    for _ in range(10):
        need = client.post("/v1/needs", rice(household_id=str(first), consent="slip"), by=village).json["id"]
        assert client.post(f"/v1/needs/{need}/withdrawal", by=village).status_code == 201
    merge(database, first, second)
    merge(database, second, third)
    with database.begin() as session:
        assert queries.count_needs_of_households(session, [third]) == {third: 10}
        session.execute(text("INSERT INTO need_quantities SELECT id, 1, 0, 1 FROM needs WHERE household_id = :own LIMIT 1"), {"own": first})
        assert queries.find_receivers(session, [third]) == {third}
        session.execute(text("DELETE FROM need_quantities"))
    answer = client.post("/v1/needs", rice(household_id=str(third), consent="slip"), by=village)
    assert refused(answer) == ("too_many_needs", 10, 10, 0)


def test_posting_a_need_loads_catalogue_and_limits_once(client: Client, database: RolledBack, village: Person, household: UUID) -> None:
    said: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        said.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        assert client.post("/v1/needs", rice(household_id=str(household), consent="slip"), by=village).status_code == 201
    finally:
        event.remove(database.engine, "before_cursor_execute", note)
    for table in ("catalogue_items", "catalogue_rules", "limits"):
        assert len([one for one in said if f"FROM {table}" in one]) == 1, table


def test_an_agent_posts_for_many_households_up_to_a_limit(client: Client, database: RolledBack, village: Person, county: Person) -> None:
    put(client, county, ("staff", "verified", "needs_a_day", 3))
    for _ in range(3):
        wanted = rice(household_id=str(household_in(database, VILLAGE)), consent="slip")
        assert client.post("/v1/needs", wanted, by=village).status_code == 201
    wanted = rice(household_id=str(household_in(database, VILLAGE)), consent="slip")
    assert refused(client.post("/v1/needs", wanted, by=village)) == ("too_many_posted", 3, 3, 0)


@pytest.fixture
def county(database: RolledBack) -> Person:
    return administrator_of(database, COUNTY)


def put(client: Client, by: Person, *entries: tuple[str, str, str, int], region: str = COUNTY, seen: str | None = "*") -> Any:
    limits = [dict(zip(("kind", "trust", "limit", "most"), entry, strict=True)) for entry in entries]
    return client.put(f"/v1/limits?region={region}", {"limits": limits}, by=by, seen=seen)


def most_of(answer: Any, kind: str, trust: str, limit: str) -> int:
    [found] = [one for one in answer.json["in_force"] if (one["kind"], one["trust"], one["limit"]) == (kind, trust, limit)]
    return int(found["most"])


def test_the_nearest_region_s_limit_holds_for_pledges_there(client: Client, database: RolledBack, county: Person, donor: Person) -> None:
    country = administrator_of(database, "")
    assert put(client, country, ("donor", "new", "units", 3), ("donor", "new", "open_pledges", 9), region="").status_code == 200
    assert put(client, county, ("donor", "new", "units", 7)).status_code == 200
    shown = client.get("/v1/limits", by=county, region=COUNTY)
    assert [most_of(shown, "donor", "new", name) for name in ("units", "open_pledges", "proposals")] == [7, 9, 10]
    assert refused(client.post("/v1/pledges", offer(**QUILTS | {"quantity": 8, "region": TOWN}), by=donor))[1] == 7
    assert refused(client.post("/v1/pledges", offer(**QUILTS | {"quantity": 8, "region": ELSEWHERE}), by=donor))[1] == 3
    pledge = pledged(client, donor, quantity=7, region=TOWN)
    assert refused(client.patch(f"/v1/pledges/{pledge}", {"region": ELSEWHERE}, by=donor))[1] == 3


def test_versions_of_limits_count_up_and_are_judged_by_if_match(client: Client, county: Person) -> None:
    nothing = client.get("/v1/limits", by=county, region=COUNTY)
    assert (nothing.json["version"], nothing.json["history"], nothing.json["allowed"]) == (0, [], ["set_limits"])
    first = put(client, county, ("donor", "new", "units", 7), seen='"0"')
    assert (first.status_code, first.json["version"]) == (200, 1)
    second = put(client, county, seen=first.headers["ETag"])
    assert most_of(second, "donor", "new", "units") == UNITS, "what is left out is as around"
    assert [(one["version"], len(one["limits"]), one["set_by"]) for one in second.json["history"]] == [
        (2, 0, str(county.id)),
        (1, 1, str(county.id)),
    ]
    assert put(client, county, seen='"1"').json["code"] == "stale"
    assert put(client, county, seen=None).json["code"] == "precondition_needed"


def test_limits_are_set_from_the_county_up_and_read_below(client: Client, database: RolledBack, county: Person, village: Person) -> None:
    city, neighbour = administrator_of(database, COUNTY[:4]), administrator_of(database, ELSEWHERE)
    assert put(client, city).status_code == 200
    for other in (village, neighbour):
        assert put(client, other).status_code == 404
    assert put(client, county, region=TOWN).status_code == 422
    assert put(client, county, region=COUNTY[:4]).status_code == 404
    assert client.get("/v1/limits", by=village, region=COUNTY).json["allowed"] == []
    assert client.get("/v1/limits", by=neighbour, region=COUNTY).status_code == 404
    assert client.get("/v1/limits", by=Person("donor"), region=COUNTY).status_code == 403


@pytest.mark.parametrize(
    ("entries", "pointers"),
    [
        ([("donor", "verified", "units", 7)], ["#/limits/0"]),
        ([("household", "new", "needs_a_day", 7), ("household", "new", "units", 7)], ["#/limits/1"]),
        ([("donor", "new", "units", 7), ("donor", "new", "units", 7)], ["#/limits/1"]),
    ],
)
def test_limits_that_do_not_exist_or_repeat_are_refused(client: Client, county: Person, entries: Any, pointers: list[str]) -> None:
    answer = put(client, county, *entries)
    assert (answer.status_code, answer.json["code"]) == (422, "limits_wrong")
    assert [error["pointer"] for error in answer.json["errors"]] == pointers
    assert client.get("/v1/limits", by=county, region=COUNTY).json["version"] == 0


@pytest.fixture
def real(database_of: Callable[[str, str], str]) -> Iterator[Database]:
    database = Database(database_of("needs", "needs_limits"), name="limits")
    yield database
    database.close()


LOCKED = [True, unguarded(False, "without the lock, neither of two at once sees the other")]


@pytest.mark.parametrize("is_locked", LOCKED)
def test_of_two_pledges_at_once_one_passes_the_limit(
    real: Database, keys: KnownKeys, monkeypatch: pytest.MonkeyPatch, is_locked: bool
) -> None:
    if not is_locked:
        monkeypatch.setattr(limits, "lock_person", lambda session, person_id: None)
    client, giver = Client(create_app("needs", api, database=real, keys=keys).test_client(), keys), Person("donor")
    most = offer(**QUILTS | {"quantity": UNITS})

    def pledge() -> int:
        return int(client.post("/v1/pledges", most, by=giver).status_code)

    # Both have counted before they reach the outbox.
    assert sorted(meet_at_lock(real, text("LOCK TABLE outbox IN EXCLUSIVE MODE"), [pledge, pledge])) == [201, 422]


@pytest.mark.parametrize("is_locked", LOCKED)
def test_of_two_needs_at_once_one_passes_the_limit(
    real: Database, keys: KnownKeys, monkeypatch: pytest.MonkeyPatch, is_locked: bool
) -> None:
    if not is_locked:
        monkeypatch.setattr(limits, "lock_person", lambda session, person_id: None)
    client, account = Client(create_app("needs", api, database=real, keys=keys).test_client(), keys), Person("household")
    household_in(real, VILLAGE, account)  # type: ignore[arg-type]

    def post() -> int:
        return int(client.post("/v1/needs", rice(), by=account).status_code)

    assert [post() for _ in range(9)] == [201] * 9
    assert sorted(meet_at_lock(real, text("LOCK TABLE needs IN SHARE MODE"), [post, post])) == [201, 422]


WAIT = "session.scalar(insert(client_ids).values(sent).on_conflict_do_nothing().returning(client_ids.c.id))"


@pytest.mark.parametrize("wait", [WAIT, unguarded("True", "without waiting, neither of two at once finds the other, and one breaks")])
def test_of_two_posts_with_one_id_at_once_both_are_answered_with_one_need(
    real: Database, keys: KnownKeys, monkeypatch: pytest.MonkeyPatch, wait: str
) -> None:
    monkeypatch.setattr(actions, "find_sent_before", altered(find_sent_before, WAIT, wait))
    client, account = Client(create_app("needs", api, database=real, keys=keys).test_client(), keys), Person("household")
    household_in(real, VILLAGE, account)  # type: ignore[arg-type]
    body = rice(id=str(new_id()))

    def post() -> tuple[int, str]:
        answer = client.post("/v1/needs", body, by=account)
        return answer.status_code, answer.json.get("id", "")

    assert meet_at_lock(real, text("LOCK TABLE needs IN SHARE MODE"), [post, post]) == [(201, body["id"])] * 2


TURN = 'select(func.pg_advisory_xact_lock(func.hashtext("needs.limits"), func.hashtext(region)))'


@pytest.mark.parametrize("turn", [TURN, unguarded("select(1)", "without turns, both write the same version and one breaks")])
def test_of_two_settings_at_once_both_get_a_version(real: Database, keys: KnownKeys, monkeypatch: pytest.MonkeyPatch, turn: str) -> None:
    monkeypatch.setattr(limits, "set_limits", altered(limits.set_limits, TURN, turn))
    client, county = Client(create_app("needs", api, database=real, keys=keys).test_client(), keys), administrator_of(real, COUNTY)
    acts = [lambda most=most: put(client, county, ("donor", "new", "units", most)) for most in (7, 8)]
    answers = meet_at_lock(real, text("LOCK TABLE limits IN SHARE MODE"), acts)
    assert sorted((answer.status_code, answer.json.get("version")) for answer in answers) == [(200, 1), (200, 2)]
