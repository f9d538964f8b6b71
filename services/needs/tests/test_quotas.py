"""Quotas: what a household may ask for by its size, within the days of the item, under the nearest region's rule."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text, update

from chassis.data.database import Database, new_id, now
from chassis.testing.fixtures import Client, KnownKeys, Person, RolledBack, administrator_of
from chassis.testing.simultaneous import meet_at_lock
from chassis.testing.twins import altered, unguarded
from contracts.event import decode, encode
from contracts.users import HouseholdChanged, HouseholdEnded, HouseholdRegistered, InstitutionRegistered
from needs import actions
from needs.api import api
from needs.catalogue.defaults import catalogue
from needs.catalogue.rules import choose_terms
from needs.limits import actions as limits
from needs.model import Need
from needs.quotas import actions as quotas
from needs.quotas import rules
from needs.quotas.rules import find_quota_problem, make_quota

from .conftest import VILLAGE, rice
from .test_need_lists import csv_of, lines_of, read
from .test_room_rules import titles

COUNTY, CITY = VILLAGE[:6], VILLAGE[:4]


def hear(database: RolledBack, *events: Any) -> None:
    with database.begin() as session:
        for event in events:
            actions.record_households(session, [event])


def told(household: UUID, size: int | None, version: int = 1) -> HouseholdRegistered:
    return HouseholdRegistered(
        version=version, household_id=household, account_id=None, region=VILLAGE, status="registered", size=size, registered_by=None,
        registered_at=now(),
    )  # fmt: skip


def changed(household: UUID, size: int | None, version: int) -> HouseholdChanged:
    return HouseholdChanged(
        version=version, household_id=household, account_id=None, region=VILLAGE, status="registered", size=size, changed_by=None,
        changed_at=now(),
    )  # fmt: skip


def merged(household: UUID, into: UUID) -> HouseholdEnded:
    return HouseholdEnded(
        version=9, household_id=household, account_id=None, region=VILLAGE, reason="merged", merged_into=into, ended_by=None, ended_at=now()
    )


def household_of(database: RolledBack, size: int | None) -> UUID:
    household = new_id()
    hear(database, told(household, size))
    return household


def asked(client: Client, household: UUID, by: Person, **changes: Any) -> Any:
    return client.post("/v1/needs", rice(household_id=str(household), consent="slip") | changes, by=by)


def quota_of(client: Client, household: UUID, by: Person, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/v1/guide", by=by, category="food.rice", household_id=str(household), **more).json["quota"]
    return found


@pytest.mark.parametrize("is_guarded", [True, unguarded(False, "without the quota, small needs add up to any amount")])
def test_needs_add_up_to_the_quota_of_the_household(
    client: Client, database: RolledBack, village: Person, monkeypatch: pytest.MonkeyPatch, is_guarded: bool
) -> None:
    """Fifteen kilograms a person, three persons, three times the usual: 135 within sixty days."""
    if not is_guarded:
        monkeypatch.setattr(quotas, "find_quota_problem", lambda *_: None)
    household = household_of(database, 3)
    need = asked(client, household, village, quantity=100).json
    assert (need["household_size"], need["usual_quantity"], need["quantity"]) == (3, 45, 100)
    answer = asked(client, household, village, quantity=36, reason="过年")
    assert (answer.status_code, answer.json.get("code")) == (422, "above_quota")
    assert answer.json["quota"] == {"size": 3, "days": 60, "usual": 45, "total": 135, "used": 100, "left": 35}
    assert answer.json["title"] == "本户 3 人，60 天内最多可申请：135 公斤大米（已申请：100 公斤大米；还可申请：35 公斤大米），请减少数量"
    assert asked(client, household, village, quantity=35, reason="过年").status_code == 201
    assert quota_of(client, household, village)["left"] == 0


def test_single_need_beyond_the_size_is_refused(client: Client, database: RolledBack, village: Person) -> None:
    household = household_of(database, 1)
    answer = asked(client, household, village, quantity=46)
    assert (answer.json["code"], answer.json["cap"], answer.json["size"]) == ("too_many", 45, 1)
    assert answer.json["title"] == "本户 1 人，一项需求最多可申请：45 公斤大米，请减少数量"


def test_unknown_size_leaves_the_cap_alone_and_says_so(client: Client, household: UUID, village: Person) -> None:
    for reason in ("断粮", "冬储"):
        assert asked(client, household, village, quantity=200, reason=reason).status_code == 201
    answer = asked(client, household, village, quantity=201)
    assert (answer.json["code"], answer.json["cap"], answer.json["size"]) == ("too_many", 200, None)
    assert answer.json["title"].endswith("（家庭人口未登记，只按单项上限计算），请减少数量")
    stated = quota_of(client, household, village)
    assert stated == {"size": None, "days": 60, "usual": None, "total": None, "most": 200, "used": 400, "left": None}
    guide = client.get("/v1/guide", by=village, category="food.rice", household_id=str(household)).json
    assert "size_unknown" in [one["code"] for one in guide["warnings"]]


def test_guide_shows_the_advised_quantity(client: Client, database: RolledBack, village: Person) -> None:
    household = household_of(database, 4)
    assert quota_of(client, household, village) == {
        "size": 4, "days": 60, "usual": 60, "total": 180, "most": 180, "used": 0, "left": 180,
    }  # fmt: skip
    posted = asked(client, household, village, quantity=50).json
    assert [one["code"] for one in posted["warnings"] if one["code"] == "above_usual"] == []
    assert [one["code"] for one in client.get(
        "/v1/guide", by=village, category="food.rice", household_id=str(household), quantity=11
    ).json["warnings"]][:1] == ["above_usual"]  # fmt: skip
    assert client.get("/v1/guide", by=village, category="food.rice").json["quota"] is None


def test_nearest_region_s_quantity_for_each_person_holds(client: Client, database: RolledBack, village: Person) -> None:
    household = household_of(database, 2)
    for region, each in ((CITY, 5), (COUNTY, 10)):
        body = {"items": [{"category": "food.rice", "per_person": each}]}
        assert client.put(f"/v1/catalogue/rules?region={region}", body, by=administrator_of(database, region)).status_code == 200
        assert quota_of(client, household, village)["total"] == 2 * each * 3
    assert asked(client, household, village, quantity=61).json["cap"] == 60
    body = {"items": [{"category": "food.rice", "per_person": 10, "days": 5}]}
    client.put(f"/v1/catalogue/rules?region={COUNTY}", body, by=administrator_of(database, COUNTY))
    assert quota_of(client, household, village)["days"] == 5


def test_only_what_was_got_counts_of_ended_needs(client: Client, database: RolledBack, village: Person, town: Person) -> None:
    household = household_of(database, 3)
    first, second = (asked(client, household, village, quantity=60, reason=reason).json["id"] for reason in ("断粮", "过年"))
    assert quota_of(client, household, village)["used"] == 120
    assert client.post(f"/v1/needs/{first}/rejection", {"reason": "absurd"}, by=town).status_code == 201
    client.post(f"/v1/needs/{second}/withdrawal", by=village)
    assert quota_of(client, household, village)["used"] == 0
    with database.begin() as session:
        session.execute(
            text("INSERT INTO need_quantities (id, accepted, proposed, delivered) VALUES (:id, 25, 0, 0)"), {"id": UUID(second)}
        )
    assert quota_of(client, household, village)["used"] == 25


def test_needs_of_before_the_window_do_not_count(client: Client, database: RolledBack, village: Person) -> None:
    household = household_of(database, 1)
    need = asked(client, household, village, quantity=45).json["id"]
    with database.begin() as session:
        session.execute(update(Need).where(Need.id == UUID(need)).values(posted_at=now() - timedelta(days=61)))
    assert asked(client, household, village, quantity=45, reason="又缺粮").status_code == 201


def test_institution_has_no_quota(client: Client, database: RolledBack, village: Person) -> None:
    school = InstitutionRegistered(
        version=1, institution_id=new_id(), kind="school", region=VILLAGE, registered_by=village.id, registered_at=now()
    )
    hear(database, school)
    for reason in ("食堂", "住校生"):
        assert asked(client, school.institution_id, village, quantity=10_000, reason=reason).status_code == 201
    assert asked(client, school.institution_id, village, quantity=10_001).json["cap"] == 10_000
    assert quota_of(client, school.institution_id, village) is None


def test_open_need_stands_when_the_household_becomes_smaller(client: Client, database: RolledBack, village: Person, town: Person) -> None:
    """It keeps the terms of its time; what is asked for or changed afterwards is judged by the size of now."""
    household = household_of(database, 4)
    need = asked(client, household, village, quantity=120).json["id"]
    hear(database, changed(household, 2, 2))
    assert quota_of(client, household, village) | {"days": 0} == {
        "size": 2, "days": 0, "usual": 30, "total": 90, "most": 90, "used": 120, "left": 0,
    }  # fmt: skip
    assert asked(client, household, village, quantity=1).json["quota"]["left"] == 0
    assert client.patch(f"/v1/needs/{need}", {"quantity": 91}, by=village).json["code"] == "too_many"
    assert client.patch(f"/v1/needs/{need}", {"quantity": 90}, by=village).json["household_size"] == 2
    assert client.post(f"/v1/needs/{need}/verification", by=town).status_code == 201
    shown = client.get(f"/v1/needs/{need}").json
    assert (shown["shown"], shown["household_size"], shown["usual_quantity"]) == ("public", None, None)


def test_verifier_settles_within_the_quota(client: Client, database: RolledBack, village: Person, town: Person) -> None:
    household = household_of(database, 1)
    asked(client, household, village, quantity=30)
    unknown = asked(client, household, village, quantity=None, reason="不知要多少").json["id"]
    path = f"/v1/needs/{unknown}/verification"
    assert client.post(path, {"quantity": 16}, by=town).json["code"] == "above_quota"
    other = asked(client, household, village, quantity=None, reason="也不知多少").json["id"]
    both = {"decisions": [{"need_id": one, "act": "verify", "quantity": 8} for one in (unknown, other)]}
    results = client.post("/v1/needs/decisions", both, by=town).json["results"]
    assert [(one["outcome"], one["code"]) for one in results] == [("done", None), ("refused", "above_quota")]
    assert client.post(f"/v1/needs/{other}/verification", {"quantity": 7}, by=town).status_code == 201


def test_merged_households_share_one_quota(client: Client, database: RolledBack, village: Person, town: Person) -> None:
    """Open needs go over; what ended in the household of before counts too."""
    ended, into = household_of(database, 2), household_of(database, 1)
    given, still = (asked(client, ended, village, quantity=quantity, reason=str(quantity) * 5).json["id"] for quantity in (30, 20))
    client.post(f"/v1/needs/{given}/withdrawal", by=village)
    with database.begin() as session:
        session.execute(
            text("INSERT INTO need_quantities (id, accepted, proposed, delivered) VALUES (:id, 30, 0, 30)"), {"id": UUID(given)}
        )
    hear(database, merged(ended, into), changed(into, 3, 2))
    assert client.get(f"/v1/needs/{still}", by=village).json["household_id"] == str(into)
    assert (quota_of(client, into, village)["used"], quota_of(client, into, village)["total"]) == (50, 135)


@pytest.mark.parametrize("is_guarded", [True, unguarded(False, "without the first condition, what is told again brings no size")])
def test_size_comes_with_what_is_told_again(
    client: Client, database: RolledBack, village: Person, monkeypatch: pytest.MonkeyPatch, is_guarded: bool
) -> None:
    """Before the upgrade the newest version was heard without a size; `retell users --to needs` states it with the same version."""
    if not is_guarded:
        monkeypatch.setattr(
            actions, "record_households", altered(actions.record_households, "where=is_newer | tells_size", "where=is_newer")
        )
    household = household_of(database, None)
    hear(database, changed(household, None, 3))
    hear(database, told(household, 4, 1))
    assert quota_of(client, household, village)["size"] is None
    hear(database, changed(household, 4, 3))
    assert quota_of(client, household, village)["size"] == 4
    hear(database, changed(household, 7, 3), changed(household, 9, 2))
    assert quota_of(client, household, village)["size"] == 4


def test_event_of_before_reads_as_unknown() -> None:
    event = told(new_id(), 3)
    body = encode(event).replace(b'"size":3,', b"")
    assert b"size" not in body
    read_again: Any = decode(HouseholdRegistered, body)
    assert read_again.size is None


def test_list_is_held_and_refused_beyond_the_quota(client: Client, database: RolledBack, village: Person) -> None:
    household = household_of(database, 1)
    content = csv_of(["大米", "40公斤"], ["食用油", "5"], headings=["物品名称", "数量"])
    assert [line[1] for line in lines_of(read(client, village, content, household))] == ["ready", "ready"]
    asked(client, household, village, quantity=20)
    held, ready = lines_of(read(client, village, content, household))
    assert (held[1], set(held[4]), ready[1]) == ("held", {"above_quota", "need_open"}, "ready")
    body: dict[str, Any] = {"household_id": str(household), "consent": "slip", "reason": "断粮"}
    rows = [{"row": row, "category": "food.rice", "quantity": 15} for row in (2, 3)]
    refused = client.post("/v1/need-lists", body | {"lines": rows}, by=village)
    assert (refused.status_code, refused.json["code"]) == (422, "line_refused")
    assert "第 3 行" in refused.json["title"]
    assert "还可申请：10 公斤大米" in refused.json["title"]


def test_quota_is_the_greater_of_person_and_household() -> None:
    item = catalogue()["care.nappies"]
    terms = choose_terms(
        item, 1, VILLAGE, {VILLAGE[:6]: (1, {"items": {item.category: {"per_person": 2, "per_household": 5, "most": 40}}})}
    )
    totals = [(quota.usual, quota.total, quota.left) for size in (None, 1, 2, 3, 9) for quota in [make_quota(terms, size, 4)]]
    assert totals == [(5, None, None), (5, 15, 11), (5, 15, 11), (6, 18, 14), (18, 54, 50)]
    assert find_quota_problem(terms, make_quota(terms, None, 4), 10**9) is None
    assert find_quota_problem(terms, make_quota(terms, 1, 4), 11) is None
    english = titles(find_quota_problem(terms, make_quota(terms, 1, 15), 1))[1]
    assert english.endswith("left: none). Enter less.")
    assert rules.make_quota(terms, 1, 99).left == 0


@pytest.fixture(scope="module")
def committed(database_of: Callable[[str, str], str]) -> Iterator[Database]:
    database = Database(database_of("needs", "needs_quotas_at_once"), name="tests")
    yield database
    database.close()


@pytest.mark.parametrize("is_guarded", [True, unguarded(False, "without the lock, two posts at once count alone")])
def test_two_posts_at_once_share_the_quota(committed: Database, keys: KnownKeys, monkeypatch: pytest.MonkeyPatch, is_guarded: bool) -> None:
    from chassis.http.app import create_app

    if not is_guarded:
        monkeypatch.setattr(limits, "lock_person", lambda *_: None)
    client = Client(create_app("needs", api, database=committed, keys=keys).test_client(), keys)
    village, household = administrator_of(committed, VILLAGE), new_id()  # type: ignore[arg-type]
    with committed.begin() as session:
        actions.record_households(session, [told(household, 1)])
    posts = [partial(asked, client, household, village, quantity=30, reason=reason) for reason in ("断粮", "过年")]
    answers = meet_at_lock(committed, text("LOCK TABLE needs IN SHARE ROW EXCLUSIVE MODE"), posts)
    assert sorted(answer.status_code for answer in answers) == [201, 422]
