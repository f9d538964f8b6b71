"""The catalogue: terms by region, caps, forbidden words with guidance, specifications, rules that regions set, and its events."""

import gzip
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from chassis.data.database import new_id, now
from chassis.http import versions
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of, assert_retold, auditor_of
from chassis.testing.twins import unguarded
from contracts.needs import CatalogueChanged
from contracts.users import InstitutionRegistered
from needs import actions
from needs.catalogue import actions as catalogue_actions
from needs.catalogue import rules
from needs.catalogue.defaults import Forbidden, Item, catalogue, forbidden
from needs.catalogue.rules import choose_terms, find_cap, find_quantity_problem, list_advice
from needs.catalogue.texts import find_forbidden
from needs.snapshots import SNAPSHOTS

from .conftest import VILLAGE, offer, pending, rice

COUNTY, CITY, PROVINCE = VILLAGE[:6], VILLAGE[:4], VILLAGE[:2]
PATH = "/v1/catalogue/rules"
RICE, PHONE = catalogue()["food.rice"], catalogue()["household.phone"]


def asked(client: Client, household: UUID, by: Person, **changes: Any) -> Any:
    return client.post("/v1/needs", rice(household_id=str(household), consent="slip") | changes, by=by)


def set_rules(client: Client, database: RolledBack, region: str, **stated: Any) -> Any:
    return client.put(f"{PATH}?region={region}", stated, by=administrator_of(database, region))


def shown(client: Client, category: str, region: str = "") -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in client.get("/v1/catalogue", region=region).json["items"] if one["category"] == category)
    return found


@pytest.mark.parametrize("is_guarded", [True, unguarded(False, "without the cap, 99,999,999 phones are a need")])
def test_a_hundred_million_phones_are_refused_with_the_cap(
    client: Client, household: UUID, village: Person, monkeypatch: pytest.MonkeyPatch, is_guarded: bool
) -> None:
    if not is_guarded:
        monkeypatch.setattr(rules, "find_quantity_problem", lambda *_, **__: None)
    answer = asked(client, household, village, category="household.phone", quantity=99_999_999, reason="孩子要上网课")
    assert (answer.status_code, answer.json.get("code"), answer.json.get("cap")) == (422, "too_many", 3)
    assert (answer.json["unit"], answer.json["title"]) == ("piece", "一项需求最多可申请：3 部智能手机，请减少数量")
    english = client.post(
        "/v1/needs",
        rice(household_id=str(household), consent="slip", category="household.phone", quantity=4),
        by=village,
        headers={"Accept-Language": "en"},
    )
    assert english.json["title"] == "A need can ask for at most 3 smartphones. Enter less."


@pytest.mark.parametrize("is_guarded", [True, unguarded(False, "without a look at the reason, a treadmill and rice wine pass")])
def test_treadmill_and_rice_wine_are_stopped_with_guidance(
    client: Client, household: UUID, village: Person, monkeypatch: pytest.MonkeyPatch, is_guarded: bool
) -> None:
    if not is_guarded:
        monkeypatch.setattr(rules, "find_text_problem", lambda *_: None)
    for reason, word, instead in (("想要一台跑 步 机", "跑步机", "health.physio"), ("过年想喝米酒", "米酒", "food.rice")):
        answer = asked(client, household, village, category="household.phone", quantity=1, reason=reason)
        assert (answer.status_code, answer.json.get("code"), answer.json.get("found")) == (422, "forbidden_item", word)
        assert answer.json["instead"][0]["category"] == instead
        assert answer.json["errors"][0]["pointer"] == "#/reason"
    assert "不属于生产生活必需（“米酒”），可以申请：大米、食用油、牛奶" in answer.json["title"]


def test_branded_coat_is_led_to_the_item(client: Client, household: UUID, village: Person) -> None:
    answer = asked(client, household, village, category="clothing.coat", quantity=1, reason="想要一件波司登羽绒服过冬")
    assert answer.json["code"] == "forbidden_item"
    assert answer.json["instead"][0] == {"category": "clothing.coat", "zh": "棉衣", "en": "Winter coat"}
    sized = asked(client, household, village, category="clothing.coat", quantity=1, reason="过冬缺衣", specification={"size": "Nike XL"})
    assert (sized.json["code"], sized.json["errors"][0]["pointer"]) == ("forbidden_item", "#/specification/size")


@pytest.mark.parametrize(
    "text_of_reason",
    [
        "骑摩托车摔伤了腿",
        "丈夫在啤酒厂上班时受伤",
        "品牌不限，能穿就行",
        "不要名牌，暖和就好",
        "父亲正在戒酒，家里困难",
        "报名表已交，缺学费",
        "twine",
    ],
)
def test_words_that_ask_for_nothing_forbidden_pass(text_of_reason: str) -> None:
    assert find_forbidden(text_of_reason, forbidden()) is None


@pytest.mark.parametrize(
    "text_of_reason",
    [
        "跑步机",
        "跑\u3000步·机",
        "跑步機",
        "ＩＰＨＯＮＥ一部",
        "要 iPhone15 手机",
        "米——酒",
        "A new TREADMILL please",
        "名牌衣服",
        "不要白酒，要白酒",
    ],
)
def test_forbidden_words_are_found_in_every_spelling(text_of_reason: str) -> None:
    assert find_forbidden(text_of_reason, forbidden()) is not None


def test_every_listed_word_is_found_in_a_text() -> None:
    listed = (*forbidden(), Forbidden("of_region", "", "", ("花圈", "X1")))
    assert not [word for entry in listed for word in entry.words if find_forbidden(f"家中困难，想要{word}。", listed) is None]


def test_specification_is_kept_shown_and_checked(client: Client, household: UUID, village: Person, town: Person) -> None:
    about = {"category": "care.nappies", "quantity": 2, "reason": "孩子八个月大"}
    missing = asked(client, household, village, **about)
    assert [(one["pointer"], one["code"]) for one in missing.json["errors"]] == [("#/specification/size", "required")]
    wrong = asked(client, household, village, **about, specification={"size": "L", "power": 5})
    assert [(one["pointer"], one["code"]) for one in wrong.json["errors"]] == [("#/specification/power", "unknown")]
    need = asked(client, household, village, **about, specification={"size": "L"}).json
    assert need["specification"] == {"size": "L"}
    client.post(f"/v1/needs/{need['id']}/verification", by=town)
    assert client.get(f"/v1/needs/{need['id']}").json["specification"] == {"size": "L"}, "givers read it"


def test_reason_of_costly_things_is_long_enough(client: Client, household: UUID, village: Person) -> None:
    answer = asked(client, household, village, category="household.washer", quantity=1, reason="没有")
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "#/reason")
    assert "至少 6 个字" in answer.json["errors"][0]["message"]


def test_institution_may_ask_for_more_than_a_household(client: Client, database: RolledBack, village: Person) -> None:
    school = InstitutionRegistered(
        version=1, institution_id=new_id(), kind="school", region=VILLAGE, registered_by=village.id, registered_at=now()
    )
    with database.begin() as session:
        actions.record_households(session, [school])
    quilts = {"category": "clothing.quilt", "reason": "住校生过冬"}
    assert asked(client, school.institution_id, village, **quilts, quantity=200).status_code == 201
    assert asked(client, school.institution_id, village, **quilts, quantity=501).json["cap"] == 500


def test_nearest_region_s_terms_hold(client: Client, database: RolledBack, household: UUID, village: Person) -> None:
    assert shown(client, "household.phone", VILLAGE)["most"] == 3
    for region, most in ((PROVINCE, 9), (CITY, 7), (COUNTY, 2)):
        assert set_rules(client, database, region, items=[{"category": "household.phone", "most": most}]).status_code == 200
        assert shown(client, "household.phone", VILLAGE)["most"] == most
    assert shown(client, "household.phone", "5107")["most"] == 9
    assert asked(client, household, village, category="household.phone", quantity=3).json["cap"] == 2
    set_rules(client, database, COUNTY, items=[{"category": "household", "offered": False}])
    answer = asked(client, household, village, category="household.phone", quantity=1)
    assert (answer.status_code, answer.json["code"], answer.json["category"]) == (422, "item_not_offered", "household.phone")
    set_rules(
        client, database, COUNTY, items=[{"category": "household", "offered": False}, {"category": "household.phone", "offered": True}]
    )
    assert asked(client, household, village, category="household.phone", quantity=1).status_code == 201


def test_county_switches_the_pandemic_s_stock_on(client: Client, database: RolledBack, household: UUID, village: Person) -> None:
    gowns = {"category": "medical.gown", "quantity": 5, "reason": "卫生室防疫"}
    assert asked(client, household, village, **gowns).json["code"] == "item_not_offered"
    assert shown(client, "medical.gown")["offered"] is False
    set_rules(client, database, CITY, sets=["pandemic"])
    assert asked(client, household, village, **gowns).status_code == 201
    set_rules(client, database, COUNTY, sets=[])
    assert asked(client, household, village, **gowns).json["code"] == "item_not_offered"
    set_rules(client, database, COUNTY, sets=None)
    assert asked(client, household, village, **gowns).status_code == 201


def test_forbidden_words_of_a_county_hold_there_alone(client: Client, database: RolledBack, household: UUID, village: Person) -> None:
    set_rules(client, database, COUNTY, forbidden=[{"words": ["弹弓"], "instead": ["education.books"]}])
    answer = asked(client, household, village, reason="给娃娃买弹弓")
    assert (answer.json["code"], [one["category"] for one in answer.json["instead"]]) == ("forbidden_item", ["education.books"])
    set_rules(client, database, COUNTY)
    assert asked(client, household, village, reason="给娃娃买弹弓").status_code == 201


def test_posted_need_keeps_the_terms_of_its_time(client: Client, database: RolledBack, household: UUID, village: Person) -> None:
    set_rules(client, database, COUNTY, items=[{"category": "food.rice", "most": 60, "days": 10}])
    need = asked(client, household, village).json["id"]
    set_rules(client, database, COUNTY, items=[{"category": "food.rice", "most": 70, "days": 20}])
    with database.begin() as session:
        terms = session.scalar(text("SELECT terms FROM needs WHERE id = :id"), {"id": need})
    assert terms == {"versions": {"national": 1, COUNTY: 1}, "most": 60, "price": RICE.price, "days": 10}


@pytest.mark.parametrize("is_guarded", [True, unguarded(False, "without If-Match, the rules of two administrators replace each other")])
def test_rules_are_versioned_audited_and_read_below(
    client: Client, database: RolledBack, village: Person, monkeypatch: pytest.MonkeyPatch, is_guarded: bool
) -> None:
    if not is_guarded:
        monkeypatch.setattr(versions, "check_if_match", lambda session, row: setattr(session.info.get("seen"), "compared", True))
    county = administrator_of(database, COUNTY)
    path, rule = f"{PATH}?region={COUNTY}", {"items": [{"category": "food.rice", "most": 5}]}
    assert client.put(path, rule, by=county).json["version"] == 1
    assert client.put(path, rule, by=county, seen='"1"').json["version"] == 2
    assert client.put(path, rule, by=county, seen='"1"').status_code == 412
    answer = client.get(PATH, by=village, region=COUNTY).json
    assert [one["version"] for one in answer["history"]] == [2, 1]
    assert (answer["allowed"], answer["history"][0]["items"]) == ([], [{"category": "food.rice", "most": 5}])
    assert client.get(PATH, by=auditor_of(database, COUNTY), region=COUNTY).status_code == 200
    for stranger in (administrator_of(database, "5107"), administrator_of(database, VILLAGE)):
        assert client.put(path, rule, by=stranger).status_code == 404
    assert client.get(PATH, by=administrator_of(database, "5107"), region=COUNTY).status_code == 404
    with database.begin() as session:
        entries = session.execute(text("SELECT act, region FROM audit.entries")).all()
    assert [tuple(entry) for entry in entries].count(("set_catalogue_rules", COUNTY)) == 2


@pytest.mark.parametrize(
    ("stated", "pointer"),
    [
        ({"items": [{"category": "food.caviar", "most": 1}]}, "#/items/0"),
        ({"items": [{"category": "food.rice", "most": 1}, {"category": "food.rice", "most": 2}]}, "#/items/1"),
        ({"forbidden": [{"words": ["弹弓"], "instead": ["toys.gun"]}]}, "#/forbidden/0"),
    ],
)
def test_rules_about_nothing_are_refused(client: Client, database: RolledBack, stated: dict[str, Any], pointer: str) -> None:
    answer = set_rules(client, database, COUNTY, **stated)
    assert (answer.status_code, answer.json["code"]) == (422, "catalogue_rules_wrong")
    assert answer.json["errors"][0]["pointer"] == pointer


def test_usual_quantity_warns_and_the_cap_follows_the_size() -> None:
    terms = choose_terms(RICE, 1, VILLAGE, {})
    assert [find_cap(terms, size) for size in (None, 1, 3, 10)] == [200, 45, 135, 200]
    assert find_quantity_problem(terms, 46, size=1) is not None
    assert find_quantity_problem(terms, 46) is None
    assert [advice.code for advice in list_advice(terms, 46, size=3)] == ["above_usual"]
    assert list_advice(terms, 46, size=3)[0].zh == "通常每户申请：45 公斤大米，请核对数量"
    assert [advice.code for advice in list_advice(terms, 45, size=3)] == []
    phone = choose_terms(PHONE, 1, VILLAGE, {})
    assert [advice.code for advice in list_advice(phone, 1)] == ["photo_advised"]
    assert list_advice(phone, 1, has_photo=True) == []


def test_catalogue_answers_with_an_etag(client: Client) -> None:
    answer = client.get("/v1/catalogue")
    assert (shown(client, "clothing.quilt")["measure"], shown(client, "food")["unit"]) == ("床", None)
    again = client.get("/v1/catalogue", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_shipped_catalogue_is_published_once_and_changes_anew(
    client: Client, database: RolledBack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def publish() -> list[CatalogueChanged]:
        with database.begin() as session:
            session.execute(text("DELETE FROM outbox"))
            catalogue_actions.publish_catalogue(session)
        return [event for event in pending(database) if isinstance(event, CatalogueChanged)]

    assert len(publish()) == len(catalogue())
    assert publish() == []
    changed: dict[str, Item] = dict(catalogue()) | {"food.rice": Item(**{**_fields(RICE), "zh": "稻米"})}
    monkeypatch.setattr(catalogue_actions, "catalogue", lambda: changed)
    [event] = publish()
    assert (event.category, event.version, event.zh, event.unit) == ("food.rice", 2, "稻米", "kg")
    assert shown(client, "food.rice")["zh"] == "稻米"


def _fields(item: Item) -> dict[str, Any]:
    return {name: getattr(item, name) for name in Item.__dataclass_fields__}


def test_catalogue_is_republished(database: RolledBack) -> None:
    with database.begin() as session:
        catalogue_actions.publish_catalogue(session)
    assert len(assert_retold(database, SNAPSHOTS)) == len(catalogue())


@pytest.mark.parametrize(
    ("changes", "kinds"),
    [
        ({"kind": "job", "category": "food.rice", "unit": "kg"}, ["goods"]),
        ({"kind": "goods", "category": "employment.job", "unit": "person", "quantity": 1}, ["job"]),
        ({"kind": "money", "category": "employment", "unit": "person", "quantity": 1}, ["job", "training"]),
        ({"kind": "goods", "category": "money.living", "unit": "fen"}, ["money"]),
    ],
)
def test_pledge_of_another_kind_than_its_item_is_refused(client: Client, donor: Person, changes: dict[str, Any], kinds: list[str]) -> None:
    answer = client.post("/v1/pledges", offer(**changes), by=donor)
    assert (answer.status_code, answer.json["code"], answer.json["kinds"]) == (422, "pledge_kind_unfit", kinds)


@pytest.mark.parametrize(
    ("category", "unit", "kind"), [("food.rice", "kg", "goods"), ("industry", "kg", "purchase"), ("money", "fen", "money")]
)
def test_pledge_without_a_kind_gets_that_of_its_item(client: Client, donor: Person, category: str, unit: str, kind: str) -> None:
    body = offer(category=category, unit=unit, quantity=2)
    del body["kind"]
    assert client.post("/v1/pledges", body, by=donor).json["kind"] == kind


def test_guest_gets_the_catalogue_compressed_and_others_plain(client: Client) -> None:
    accepts = {"Accept-Encoding": "gzip"}
    plain, packed = client.get("/v1/catalogue"), client.get("/v1/catalogue", headers=accepts)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert len(packed.data) * 4 < len(plain.data)
    assert gzip.decompress(packed.data) == plain.data
    again = client.get("/v1/catalogue", headers=accepts | {"If-None-Match": packed.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert "Content-Encoding" not in client.get("/v1/catalogue", by=Person("donor"), headers=accepts).headers
    assert "Content-Encoding" not in client.get("/v1/needs", headers=accepts).headers
