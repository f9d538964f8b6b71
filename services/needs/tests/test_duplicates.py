"""Needs that look alike are linked and shown to reviewer and poster."""

import hashlib
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from chassis.data.database import new_id
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of
from chassis.testing.twins import altered, unguarded
from contracts.users import InstitutionRegistered
from needs import actions as needs_actions
from needs.duplicates import actions, queries, rules
from needs.model import Need

from .conftest import VILLAGE, household_in, rice
from .test_erasure import erased, hear

LONG = "奶奶独自抚养两个上小学的孙子，冬天没有厚被子，希望得到帮助"


def post(client: Client, by: Person, household: UUID, **changes: Any) -> dict[str, Any]:
    answer = client.post("/v1/needs", rice(household_id=str(household), consent="slip", **changes), by=by)
    assert answer.status_code == 201, answer.json
    need: dict[str, Any] = answer.json
    return need


def links(client: Client, need: dict[str, Any], by: Person) -> list[tuple[str, str]]:
    shown = client.get(f"/v1/needs/{need['id']}", by=by).json["duplicates"]
    return sorted((one["likeness"], one["need_id"]) for one in shown)


WINDOW = "        Need.posted_at > need.posted_at - rules.WINDOW,\n"


@pytest.mark.parametrize("window", [WINDOW, unguarded("", "without the window, an old need is linked for ever")])
def test_same_household_and_item_are_linked_within_the_window(
    client: Client, database: RolledBack, village: Person, town: Person, household: UUID, monkeypatch: pytest.MonkeyPatch, window: str
) -> None:
    monkeypatch.setattr(queries, "list_same_item", altered(queries.list_same_item, WINDOW, window))
    first = post(client, village, household)
    assert first["duplicates"] == []
    post(client, village, household, category="food.flour")
    again = post(client, village, household)
    assert [(one["likeness"], one["need_id"], one["state"]) for one in again["duplicates"]] == [("same_item", first["id"], "posted")]
    assert links(client, first, town) == [("same_item", again["id"])]
    [waiting] = [one for one in client.get("/v1/needs/waiting", by=town).json["items"] if one["id"] == again["id"]]
    assert waiting["duplicates"][0]["need_id"] == first["id"]
    with database.begin() as session:
        session.execute(text("UPDATE needs SET posted_at = now() - interval '91 days'"))
    assert post(client, village, household)["duplicates"] == []


def test_nearly_the_same_reason_is_linked_and_unreadable(client: Client, database: RolledBack, village: Person, town: Person) -> None:
    homes = [household_in(database, VILLAGE) for _ in range(4)]
    first = post(client, village, homes[0], reason=LONG)
    alike = post(client, village, homes[1], reason=LONG.replace("两个", "三个").replace("，", " "), category="food.flour")
    post(client, village, homes[2], reason="丈夫车祸去世，留下两个孩子，学费没有着落，请好心人帮助")
    assert links(client, alike, town) == [("same_text", first["id"])]
    with database.begin() as session:
        assert session.scalar(text("SELECT count(*) FROM need_bands")) == 3 * rules.BANDS
    short = [post(client, village, household_in(database, VILLAGE), reason="缺粮") for _ in range(2)]
    assert short[1]["duplicates"] == []


def test_likeness_elsewhere_is_told_without_its_id(client: Client, database: RolledBack, village: Person) -> None:
    beside = f"{VILLAGE[:9]}002"
    post(client, administrator_of(database, beside), household_in(database, beside), reason=LONG)
    mine = post(client, village, household_in(database, VILLAGE), reason=LONG)
    assert mine["duplicates"] == [{"likeness": "same_text", "need_id": None, "state": None, "posted_at": None}]


def test_amended_reason_is_compared_again(client: Client, database: RolledBack, village: Person, town: Person) -> None:
    first, second = (post(client, village, household_in(database, VILLAGE), reason=LONG) for _ in range(2))
    assert links(client, second, town) == [("same_text", first["id"])]
    client.patch(f"/v1/needs/{second['id']}", {"reason": "房屋被大风掀翻屋顶，一家人借住在亲戚家里"}, by=village)
    assert links(client, second, town) == links(client, first, town) == []


def test_institutions_with_the_same_line_are_linked(client: Client, database: RolledBack, village: Person, town: Person) -> None:
    schools = [new_id(), new_id()]
    for school in schools:
        stated: dict[str, Any] = {"institution_id": school, "kind": "hospital", "region": VILLAGE, "registered_by": village.id}
        event = InstitutionRegistered(version=1, registered_at=datetime.now(UTC), **stated)
        with database.begin() as session:
            needs_actions.record_households(session, [event])
    first, second = (post(client, village, school, category="medical.mask", quantity=500) for school in schools)
    other = post(client, village, schools[1], category="food.flour", quantity=500)
    assert links(client, second, town) == [("same_line", first["id"])]
    assert links(client, other, town) == []


@pytest.mark.parametrize(
    ("look", "is_linked"), [(0x0F0F_F0F0_1234_5678, True), (0x0F0F_F0F0_1234_567F, True), (0xF0F0_0F0F_4321_8765, False), (None, False)]
)
def test_same_and_similar_photos_are_linked(
    client: Client, database: RolledBack, village: Person, town: Person, look: int | None, is_linked: bool
) -> None:
    first, second = (post(client, village, household_in(database, VILLAGE)) for _ in range(2))
    with database.begin() as session:
        actions.note_photo(session, UUID(first["id"]), hashlib.sha256(b"1").digest(), 0x0F0F_F0F0_1234_5678)
        actions.note_photo(session, UUID(second["id"]), hashlib.sha256(b"2").digest(), look)
    assert (("same_photo", first["id"]) in links(client, second, town)) == is_linked
    with database.begin() as session:
        actions.note_photo(session, UUID(second["id"]), hashlib.sha256(b"1").digest())
    assert ("same_photo", first["id"]) in links(client, second, town)


def test_keys_of_erased_people_and_old_needs_are_deleted(client: Client, database: RolledBack, village: Person) -> None:
    gone, old, kept = (household_in(database, VILLAGE) for _ in range(3))
    needs = [post(client, village, home, reason=LONG)["id"] for home in (gone, old, kept)]
    with database.begin() as session:
        for need in needs:
            actions.note_photo(session, UUID(need), hashlib.sha256(b"1").digest())
        for table in ("need_bands", "need_photo_prints"):
            session.execute(
                text(f"UPDATE {table} SET need_id = '018b0000-0000-7000-8000-000000000000' WHERE need_id = :id"), {"id": needs[1]}
            )
    hear(database, erased(None, gone))
    with database.begin() as session:
        actions.forget_old(session)
        for table in ("need_bands", "need_photo_prints"):
            assert {str(one) for one in session.scalars(text(f"SELECT DISTINCT need_id FROM {table}"))} == {needs[2]}, table


def test_texts_are_alike_whatever_their_punctuation() -> None:
    assert rules.are_alike(LONG, LONG.replace("，", "、 ").replace("两", "三"))
    assert not rules.are_alike(LONG, "孩子考上大学，家里凑不齐学费和路费，希望得到资助")
    assert not rules.are_alike("缺粮", "缺粮")
    keys = rules.make_text_keys(LONG, "510903")
    assert set(keys) & set(rules.make_text_keys(LONG.replace("两", "三"), "510903"))
    assert not set(keys) & set(rules.make_text_keys(LONG, "510904"))


def test_same_words_in_another_county_are_no_likeness(client: Client, database: RolledBack, household: UUID, village: Person) -> None:
    elsewhere = "510904001001"
    other = administrator_of(database, elsewhere)
    here = post(client, village, household, reason=LONG)
    assert post(client, other, household_in(database, elsewhere), reason=LONG)["duplicates"] == []
    again = post(client, village, household_in(database, VILLAGE), reason=LONG, category="food.flour")
    assert [(one["likeness"], one["need_id"]) for one in again["duplicates"]] == [("same_text", here["id"])]


def test_need_that_is_linked_again_leaves_the_keys_of_others(
    client: Client, database: RolledBack, household: UUID, village: Person
) -> None:
    first, second = (post(client, village, household_in(database, VILLAGE), reason=reason) for reason in (LONG, LONG[::-1]))
    with database.begin() as session:
        actions.relink_need(session, session.get_one(Need, UUID(second["id"])))
    third = post(client, village, household_in(database, VILLAGE), reason=LONG)
    assert [(one["likeness"], one["need_id"]) for one in third["duplicates"]] == [("same_text", first["id"])]
