"""Rules of the rooms, without a database: what is alike, the terms of items, charities, reviews, samples, choices, warnings, photos."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from chassis.data.database import new_id
from chassis.http.auth import Caller
from chassis.problems import Problem
from needs.catalogue import rules as catalogue
from needs.catalogue.defaults import Forbidden, Item
from needs.catalogue.defaults import catalogue as items
from needs.charities import rules as charities
from needs.charities.model import Charity
from needs.choosing import rules as choosing
from needs.drafts import rules as drafts
from needs.drafts.model import Draft
from needs.duplicates import rules as duplicates
from needs.guide import rules as guide
from needs.guide.rules import Guide, Posted, Typical, Waiting
from needs.life import rules as life
from needs.life.model import Change
from needs.model import Match, Need, Pledge
from needs.photos import rules as photos
from needs.photos.model import NeedPhoto
from needs.quotas.rules import Quota
from needs.reports import rules as reports
from needs.review import rules as review
from needs.review.rules import Decided
from needs.review_settings import rules as settings
from needs.review_settings.model import ReviewSettings
from needs.samples import rules as samples
from needs.samples.model import Sample

from .conftest import VILLAGE
from .test_rules import caller

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
DAY = timedelta(days=1)
COUNTY, CITY, PROVINCE = VILLAGE[:6], VILLAGE[:4], VILLAGE[:2]
ME, OTHER = new_id(), new_id()


def said(problem: Problem | None) -> str | None:
    """The code of a problem, with the state that its words name."""
    return None if problem is None else ":".join(str(part) for part in (problem.code, problem.details.get("state")) if part)


def titles(problem: Problem | None) -> list[str]:
    """What a problem says in Chinese and English."""
    assert problem is not None
    return [problem.body(language)["title"] for language in ("zh-CN", "en")]


def auditor(*regions: str) -> Caller:
    made = caller()
    vars(made)["audited_regions"] = list(regions)
    return made


TEXT = "家里的老房子漏雨，三个孩子没有过冬的棉被"


@pytest.mark.parametrize(
    ("written", "bigrams"),
    [("米", set()), ("米面", {"米面"}), ("米、面 ＡＢ油", {"米面", "面a", "ab", "b油"}), ("米_面", {"米面"}), ("", set())],
)
def test_bigrams_forget_signs_width_and_case(written: str, bigrams: set[str]) -> None:
    assert duplicates.split_bigrams(written) == bigrams


@pytest.mark.parametrize(
    ("one", "other", "share"), [("ab", "bc", 1 / 3), ("ab", "ab", 1.0), ("", "ab", 0.0), ("ab", "", 0.0), ("", "", 0.0), ("ab", "cd", 0.0)]
)
def test_share_of_common_is_that_of_all_bigrams(one: str, other: str, share: float) -> None:
    assert duplicates.share_of_common(frozenset(one), frozenset(other)) == share


def test_texts_are_alike_from_three_quarters_of_enough_words() -> None:
    thirteen = "abcdefghijklm"
    assert duplicates.are_alike(thirteen, thirteen)
    assert not duplicates.are_alike(thirteen[:12], thirteen[:12]), "eleven bigrams say too little"
    # Twelve bigrams of sixteen are three quarters.
    assert duplicates.are_alike(thirteen, thirteen + "nopq")
    assert not duplicates.are_alike(thirteen, thirteen + "nopqr")


def test_text_has_four_keys_in_its_county_alone() -> None:
    keys = duplicates.make_text_keys(TEXT, COUNTY)
    assert len(set(keys)) == 4
    assert all(-(2**63) <= key < 2**63 for key in keys)
    assert duplicates.make_text_keys(TEXT.replace("，", " ").upper(), COUNTY) == keys
    assert not set(keys) & set(duplicates.make_text_keys(TEXT, "510904"))
    assert not set(keys) & set(duplicates.make_text_keys("村口的小桥被水冲断了，孩子上学要绕很远的路", COUNTY))
    assert set(keys) & set(duplicates.make_text_keys(TEXT + "啊", COUNTY))
    assert duplicates.make_text_keys("abcdefghijkl", COUNTY) == []
    assert len(duplicates.make_text_keys("abcdefghijklm", COUNTY)) == 4


@pytest.mark.parametrize(
    ("one", "other", "alike"), [(0, 0b111111, True), (0, 0b1111111, False), (None, 0, False), (0, None, False), (None, None, False)]
)
def test_looks_are_alike_up_to_six_bits(one: int | None, other: int | None, alike: bool) -> None:
    assert duplicates.look_alike(one, other) is alike


def test_photo_has_a_key_for_its_bytes_and_each_quarter_of_its_look() -> None:
    look = 0x1111_2222_3333_4444
    keys = duplicates.make_photo_keys(b"one", look)
    assert len(set(keys)) == 5
    assert duplicates.make_photo_keys(b"one", None) == keys[:1]
    assert duplicates.make_photo_keys(b"two", look)[1:] == keys[1:]
    for quarter in range(4):
        changed = duplicates.make_photo_keys(b"one", look ^ (1 << (16 * quarter)))
        assert [place for place in range(5) if changed[place] != keys[place]] == [quarter + 1]
    assert len(set(duplicates.make_photo_keys(b"one", 0))) == 5, "equal quarters at other places have other keys"
    assert [duplicates.to_signed(one) for one in (0, 2**63 - 1, 2**63, 2**64 - 1)] == [0, 2**63 - 1, -(2**63), -1]
    assert (duplicates.WINDOW, duplicates.LIST_WINDOW, duplicates.TEXT, duplicates.PHOTO) == (90 * DAY, DAY, 0, 1)


QUILT = Item(
    category="winter.quilt", unit="piece", zh="棉被", en="Quilt", measure="床", most=10, most_of_institution=200, per_person=2,
    per_household=3, price=9_900, photo="advised", reason_length=5, specification=("size", "note"), required=("size",),
)  # fmt: skip


def terms(**changes: Any) -> catalogue.Terms:
    return replace(catalogue.choose_terms(QUILT, 7, VILLAGE, {}), **changes)


def test_terms_are_those_of_the_nearest_region() -> None:
    word = {"code": "a", "zh": "不受理", "en": "No", "words": ["甲"], "instead": []}
    rules = {
        "": (1, {"items": {"winter": {"most": 9}, "winter.quilt": {"price": 1}}, "forbidden": [word], "sets": ["local"]}),
        PROVINCE: (2, {"items": {"winter.quilt": {"most": 8, "offered": False}}}),
        COUNTY: (3, {"items": {"winter.quilt": {"offered": True}}, "forbidden": [word | {"words": ["乙"]}], "sets": []}),
        "510904": (4, {"items": {"winter.quilt": {"most": 1}}}),
    }
    found = catalogue.choose_terms(QUILT, 7, VILLAGE, rules)
    assert (found.most, found.price, found.offered, found.days) == (8, 1, True, 90)
    assert [entry.words for entry in found.forbidden] == [("甲",), ("乙",)]
    assert found.kept() == {"versions": {"national": 7, "": 1, PROVINCE: 2, COUNTY: 3}, "most": 8, "price": 1, "days": 90}
    local = replace(QUILT, set="local")
    offered = {region: catalogue.choose_terms(local, 1, region, rules).offered for region in ("44", PROVINCE + "07", COUNTY)}
    assert offered == {"44": True, PROVINCE + "07": False, COUNTY: True}
    assert not catalogue.choose_terms(local, 1, VILLAGE, {COUNTY: rules[COUNTY]} | {COUNTY: (3, {"sets": []})}).offered
    assert catalogue.list_enclosing_regions(COUNTY) == [COUNTY, CITY, PROVINCE, ""]
    assert catalogue.list_enclosing_regions(VILLAGE) == [COUNTY, CITY, PROVINCE, ""]
    assert catalogue.words_of(QUILT) == catalogue.ItemWords("winter.quilt", "piece", "goods", "棉被", "Quilt", "床", "", "")
    bare = catalogue.Terms(QUILT, True, None, None, None, None, None, 90, "none", 1)
    assert (bare.forbidden, bare.kept()["versions"]) == ((), {})
    assert terms().kept(4) == terms().kept() | {"size": 4, "usual": 8}


@pytest.mark.parametrize(
    ("changes", "size", "usual", "cap"),
    [
        ({}, None, 3, 10),
        ({}, 1, 3, 9),
        ({}, 2, 4, 10),
        ({"per_household": None}, None, 2, 10),
        ({"per_household": None}, 1, 2, 6),
        ({"per_person": None}, 4, 3, 9),
        ({"per_person": None, "per_household": None}, 4, None, 10),
        ({"most": None}, 2, 4, None),
        ({"most": 5}, 4, 8, 5),
    ],
)
def test_cap_is_three_times_the_usual_quantity(changes: dict[str, Any], size: int | None, usual: int | None, cap: int | None) -> None:
    assert catalogue.usual_quantity(terms(**changes), size) == usual
    assert catalogue.find_cap(terms(**changes), size) == cap
    assert catalogue.find_cap(terms(**changes), size, of_institution=True) == 200


def test_quantity_beyond_the_cap_names_it_in_both_languages() -> None:
    assert catalogue.find_quantity_problem(terms(), 10) is None
    assert catalogue.find_quantity_problem(terms(most=None), 10**9) is None
    problem = catalogue.find_quantity_problem(terms(), 11)
    assert titles(problem) == [
        "一项需求最多可申请：10 床棉被（家庭人口未登记，只按单项上限计算），请减少数量",
        "A need can ask for at most 10 quilts (its size is not registered, so only this cap holds). Enter less.",
    ]
    assert problem is not None
    assert problem.members == {"cap": 10, "unit": "piece", "category": "winter.quilt", "size": None}
    of_one, of_many = (catalogue.find_quantity_problem(terms(), quantity, size=size) for quantity, size in ((10, 1), (11, 9)))
    assert titles(of_one) == [
        "本户 1 人，一项需求最多可申请：9 床棉被，请减少数量",
        "A need of a household of 1 can ask for at most 9 quilts. Enter less.",
    ]
    assert titles(of_many) == ["一项需求最多可申请：10 床棉被，请减少数量", "A need can ask for at most 10 quilts. Enter less."]
    plain = ["一项需求最多可申请：10 床棉被，请减少数量", "A need can ask for at most 10 quilts. Enter less."]
    assert titles(catalogue.find_quantity_problem(terms(per_person=None), 11)) == plain
    of_school = catalogue.find_quantity_problem(terms(), 201, size=3, of_institution=True)
    assert titles(of_school) == [title.replace("10", "200") for title in plain]
    assert catalogue.find_quantity_problem(terms(), 200, of_institution=True) is None


MOTOR = Forbidden("motor", "不受理摩托车", "No motorcycles", ("摩托",), instead=("food.rice", "food.oil", "gone.item"))
PLAIN = Forbidden("plain", "不受理", "Not asked for", ("古董",))


@pytest.mark.parametrize(
    ("changes", "given", "found"),
    [
        ({}, {}, None),
        ({"offered": False}, {}, "item_not_offered"),
        ({}, {"reason": "想买摩托车"}, "forbidden_item"),
        ({}, {"specification": {"size": "一米八", "note": "摩托"}}, "forbidden_item"),
        ({}, {"quantity": 11}, "too_many"),
        ({}, {"quantity": 10, "size": 1}, "too_many"),
        ({}, {"quantity": 11, "of_institution": True}, None),
        ({}, {"reason": "四字理由"}, "invalid"),
        ({}, {"reason": "五个字理由"}, None),
        ({}, {"specification": {}}, "invalid"),
        ({"forbidden": (PLAIN,)}, {"reason": "想要一件古董"}, "forbidden_item"),
        ({}, {"reason": "想要一件古董"}, None),
    ],
)
def test_need_keeps_to_the_terms_of_its_item(changes: dict[str, Any], given: dict[str, Any], found: str | None) -> None:
    asked: dict[str, Any] = {"quantity": 2, "reason": "孩子没有棉被", "specification": {"size": "一米八", "note": 3}} | given
    problem = catalogue.find_need_problem(terms(**changes), listed=[MOTOR], **asked)
    assert said(problem) == found
    if found == "invalid" and problem and problem.errors and problem.errors[0]["pointer"] == "#/reason":
        assert problem.errors[0]["code"] == "reason_short"
        assert problem.errors[0]["code"].details == {"least": 5}  # type: ignore[attr-defined]


def test_forbidden_text_says_what_may_be_asked_for_instead() -> None:
    problem = catalogue.find_text_problem([("reason", "要米"), ("specification/note", "要摩托")], [PLAIN, MOTOR])
    rice, oil = items()["food.rice"], items()["food.oil"]
    assert titles(problem) == [
        f"不受理摩托车（“摩托”），可以申请：{rice.zh}、{oil.zh}",
        f"No motorcycles (“摩托”). You can ask for: {rice.en.lower()}, {oil.en.lower()}.",
    ]
    assert problem is not None
    assert problem.errors == [{"pointer": "#/specification/note", "code": "forbidden"}]
    stated = [{"category": one.category, "zh": one.zh, "en": one.en} for one in (rice, oil)]
    assert problem.members == {"found": "摩托", "instead": stated}
    assert titles(catalogue.find_text_problem([("reason", "古董")], [PLAIN])) == ["不受理（“古董”）", "Not asked for (“古董”)."]


@pytest.mark.parametrize(
    ("specification", "errors"),
    [
        ({"size": "大"}, None),
        ({"size": "大", "note": "厚"}, None),
        ({}, [("size", "required")]),
        ({"size": "大", "colour": "红"}, [("colour", "unknown")]),
        ({"colour": "红"}, [("colour", "unknown"), ("size", "required")]),
    ],
)
def test_specification_has_the_fields_of_its_item(specification: dict[str, str], errors: list[tuple[str, str]] | None) -> None:
    problem = catalogue.find_specification_problem(QUILT, specification)
    found = [(one["pointer"].removeprefix("#/specification/"), one["code"]) for one in (problem.errors or [])] if problem else None
    assert found == errors


def test_advice_tells_the_usual_quantity_and_of_a_photo() -> None:
    above, photo = catalogue.list_advice(terms(), 4)
    assert (above.code, above.zh) == ("above_usual", "通常每户申请：3 床棉被，请核对数量")
    assert above.en == "A household usually asks for 3 quilts. Check the quantity."
    assert above.figures == {"usual": 3, "unit": "piece"}
    assert (photo.code, photo.zh, photo.en, photo.figures) == (
        "photo_advised", "附上照片更容易得到帮助", "A photo makes help more likely.", {},
    )  # fmt: skip
    assert [one.code for one in catalogue.list_advice(terms(), 3, has_photo=True)] == []
    assert [one.code for one in catalogue.list_advice(terms(), 5, size=2, has_photo=True)] == ["above_usual"]
    assert [one.code for one in catalogue.list_advice(terms(photo="none"), 1, used=2)] == []
    assert [one.code for one in catalogue.list_advice(terms(photo="none"), 1, used=3)] == ["above_usual"]
    assert catalogue.list_advice(terms(photo="none"), 99, of_institution=True) == []


def test_pledge_of_another_unit_or_kind_is_told_what_fits() -> None:
    problem = catalogue.find_unit_problem("food.rice", {"kg", "bag"})
    rice = items()["food.rice"]
    assert titles(problem) == [f"{rice.zh}以袋、公斤计，请改用这个单位", f"“{rice.en}” is counted in bags or kg. Use that unit."]
    assert problem.members == {"units": ["bag", "kg"]}
    assert catalogue.find_kind_problem("food.rice", "kg", "goods", {"goods"}) is None
    unfit = catalogue.find_kind_problem("food.rice", "kg", "job", {"service", "goods"})
    goods, service = (catalogue.KINDS[kind] for kind in ("goods", "service"))
    assert titles(unfit) == [
        f"“{rice.zh}”的帮扶方式须为{goods[0]}、{service[0]}", f"“{rice.en}” must be pledged as {goods[1]} or {service[1]}.",
    ]  # fmt: skip
    assert unfit is not None
    assert unfit.members == {"kinds": ["goods", "service"], "unit": "kg"}


@pytest.mark.parametrize(
    ("who", "region", "may"),
    [
        (caller(COUNTY), COUNTY, True),
        (caller(COUNTY), VILLAGE, True),
        (caller(COUNTY), "", True),
        (auditor(COUNTY), PROVINCE, True),
        (auditor(COUNTY), VILLAGE, True),
        (caller(COUNTY), "510904", False),
        (auditor(COUNTY), "44", False),
        (caller(), "", False),
    ],
)
def test_rules_are_read_in_the_regions_around_and_below(who: Caller, region: str, may: bool) -> None:
    assert catalogue.may_read(who, region) is may
    assert settings.may_read(who, region) is may


def test_wrong_entries_are_pointed_at() -> None:
    entries: list[dict[str, Any]] = [{"category": name} for name in ("food.rice", "no.such", "food.rice", "food")]
    sets = [next(iter(catalogue.SETS)), "none"]
    wrong: list[dict[str, Any]] = [{"instead": ["food.rice"]}, {"instead": ["food.rice", "no.such"]}, {"instead": []}]
    assert catalogue.find_wrong_entries(sets, entries, wrong) == ["#/items/1", "#/items/2", "#/sets/1", "#/forbidden/1"]
    assert catalogue.find_wrong_entries([], entries[:1], wrong[:1]) == []


def charity(region: str = COUNTY, **changes: Any) -> Charity:
    return Charity(**{"id": new_id(), "region": region, "named_at": NOW, "last_day": date(2026, 3, 1), "ended_at": None} | changes)


def test_charity_of_the_nearest_region_named_first_receives_money() -> None:
    wide, late, first = charity(CITY), charity(named_at=NOW + DAY), charity()
    over, ended = charity(named_at=NOW - DAY, last_day=date(2026, 2, 28)), charity(named_at=NOW - DAY, ended_at=NOW)
    today = date(2026, 3, 1)
    assert charities.choose_charity([wide, late, first, over, ended], today) is first
    assert charities.choose_charity([wide, over], today) is wide
    assert charities.choose_charity([over, ended], today) is None
    assert charities.is_in_force(first, today)
    assert charities.list_enclosing_regions(VILLAGE) == charities.list_enclosing_regions(COUNTY) == [PROVINCE, CITY, COUNTY]
    assert charities.china_date(datetime(2026, 2, 28, 15, 59, tzinfo=UTC)) == date(2026, 2, 28)
    assert charities.china_date(datetime(2026, 2, 28, 16, tzinfo=UTC)) == date(2026, 3, 1)
    assert said(charities.find_money_problem("fen", None)) == "charity_needed"
    assert charities.find_money_problem("fen", first) is None
    assert charities.find_money_problem("kg", None) is None


@pytest.mark.parametrize(
    ("who", "ended_at", "found"),
    [
        (caller(COUNTY), None, None),
        (caller(CITY), None, None),
        (caller(VILLAGE), None, "not_found"),
        (auditor(COUNTY), None, "not_found"),
        (caller(COUNTY), NOW, "state_conflict:ended"),
        (caller(VILLAGE), NOW, "not_found"),
    ],
)
def test_charity_is_changed_by_its_region_until_it_ends(who: Caller, ended_at: datetime | None, found: str | None) -> None:
    one = charity(ended_at=ended_at)
    assert said(charities.find_charity_problem(who, one)) == found
    assert charities.acts_on_charity(who, one) == ([] if found else ["change_charity", "end_charity"])
    assert charities.acts_on_charity(None, one) == []


def decided(act: Any, reason: str | None = None) -> Decided:
    return Decided(new_id(), act, reason)


@pytest.mark.parametrize(
    ("what", "stated", "is_repeat"),
    [
        (decided("verify"), {"state": "published", "verifier_id": ME}, True),
        (decided("verify"), {"state": "published", "verifier_id": OTHER}, False),
        (decided("verify"), {"state": "closed", "verifier_id": ME}, False),
        (decided("verify"), {"state": "confirmed", "confirmed_by": ME}, True),
        (decided("verify"), {"state": "confirmed", "confirmed_by": OTHER}, False),
        (decided("verify"), {"state": "returned", "confirmed_by": ME}, False),
        (decided("verify"), {"state": "published", "confirmed_by": ME, "verifier_id": OTHER}, False),
        (decided("return", "unclear"), {"state": "returned", "returned_by": ME, "returned_because": "unclear"}, True),
        (decided("return", "unclear"), {"state": "returned", "returned_by": ME, "returned_because": "other"}, False),
        (decided("return", "unclear"), {"state": "returned", "returned_by": OTHER, "returned_because": "unclear"}, False),
        (decided("return", "unclear"), {"state": "posted", "returned_by": ME, "returned_because": "unclear"}, False),
        (decided("reject", "absurd"), {"state": "rejected", "verifier_id": ME, "ended_because": "absurd"}, True),
        (decided("reject", "absurd"), {"state": "rejected", "verifier_id": ME, "ended_because": "other"}, False),
        (decided("reject", "absurd"), {"state": "rejected", "verifier_id": OTHER, "ended_because": "absurd"}, False),
        (decided("reject", "absurd"), {"state": "closed", "verifier_id": ME, "ended_because": "absurd"}, False),
    ],
)
def test_same_decision_of_the_same_reviewer_is_a_repeat(what: Decided, stated: dict[str, Any], is_repeat: bool) -> None:
    assert review.is_repeat(what, ME, Need(**stated)) is is_repeat


def test_story_that_identifies_names_what_it_found() -> None:
    problem = review.find_story_problem("先打 13800001234，微信 abcdef1")
    assert problem is not None
    assert problem.members["found"] == [{"kind": "phone", "at": 3, "length": 11}, {"kind": "contact", "at": 15, "length": 10}]
    zh, en = titles(review.find_story_problem("13800001234，微信 abcdef1，13900001234"))
    assert "（电话号码、微信、QQ 或邮箱）" in zh
    assert "(a telephone number, a messenger account or e-mail address)" in en
    assert review.find_story_problem(None) is None
    assert review.find_story_problem("孩子要上学") is None


@pytest.mark.parametrize(
    ("held", "asked", "roots"),
    [
        ([COUNTY], "", [COUNTY]),
        ([COUNTY], VILLAGE, [VILLAGE]),
        ([COUNTY, VILLAGE, "44"], "", ["44", COUNTY]),
        ([VILLAGE, COUNTY], CITY, [COUNTY]),
        ([COUNTY], "44", []),
        ([], "", []),
        ([COUNTY, CITY], COUNTY, [COUNTY]),
    ],
)
def test_roots_are_the_widest_regions_inside(held: list[str], asked: str, roots: list[str]) -> None:
    assert review.list_roots(held, asked) == roots


@pytest.mark.parametrize(
    ("state", "value", "goes"),
    [("posted", 100, False), ("posted", 101, True), ("posted", None, False), ("confirmed", 101, False)],
)
def test_need_above_the_threshold_goes_to_the_county(state: str, value: int | None, goes: bool) -> None:
    assert review.needs_county(state, value, 100) is goes


@pytest.mark.parametrize(
    ("state", "due_at", "overdue"),
    [("posted", NOW, True), ("confirmed", NOW, True), ("posted", NOW + timedelta(microseconds=1), False), ("published", NOW, False)],
)
def test_need_is_overdue_while_it_waits(state: str, due_at: datetime, overdue: bool) -> None:
    assert review.is_overdue(Need(state=state, due_at=due_at), NOW) is overdue
    assert (review.REVIEW_DAYS, review.REMINDED_BEFORE) == ({"posted": 2, "confirmed": 20}, 1)
    assert (review.STEPS, review.URGENCIES) == ({"village": "posted", "county": "confirmed"}, ("critical", "urgent", "normal"))


def test_sample_draws_the_same_share_again() -> None:
    ids = [UUID(int=number) for number in range(2000)]
    drawn = [samples.is_drawn(5, one, 100) for one in ids]
    assert 140 <= sum(drawn) <= 260
    assert drawn == [samples.is_drawn(5, one, 100) for one in ids]
    assert drawn != [samples.is_drawn(-6, one, 100) for one in ids]
    assert all(samples.is_drawn(5, one, 1000) for one in ids)
    assert not any(samples.is_drawn(5, one, 0) for one in ids)
    # The draw of a release has to be found again by the next one.
    assert [number for number in range(60) if samples.is_drawn(5, ids[number], 100)] == [7, 10, 18, 22, 33, 34, 39, 49, 51, 57]


@pytest.mark.parametrize(("value", "weight"), [(None, 2000), (0, 1), (1, 1), (2, 2), (999_999, 999_999), (1_000_001, 1_000_000)])
def test_weight_of_a_need_is_its_value_within_bounds(value: int | None, weight: int) -> None:
    assert samples.weigh(value) == weight


@pytest.mark.parametrize(
    ("who", "changes", "found"),
    [
        (caller(COUNTY), {}, None),
        (caller(PROVINCE), {}, None),
        (caller(VILLAGE), {}, "not_found"),
        (caller(VILLAGE[:9]), {}, "not_found"),
        (caller("510904"), {}, "not_found"),
        (auditor(COUNTY), {}, "not_allowed"),
        (auditor(VILLAGE), {}, "not_found"),
        (caller(COUNTY, person=ME), {"reviewer_id": ME}, "own_verification"),
        (caller(COUNTY, person=ME), {"second_reviewer_id": ME}, "own_verification"),
        (caller(COUNTY, person=ME), {"poster_id": ME}, "own_verification"),
        (caller(COUNTY, person=ME), {"account_id": ME}, "own_verification"),
        (caller(COUNTY), {"checked_at": NOW}, "state_conflict:checked"),
        (caller(COUNTY, person=ME), {"checked_at": NOW, "reviewer_id": ME}, "own_verification"),
    ],
)
def test_sample_is_checked_by_a_county_that_took_no_part(who: Caller, changes: dict[str, Any], found: str | None) -> None:
    of_need = {name: value for name, value in changes.items() if name in {"poster_id", "account_id"}}
    of_sample = {name: value for name, value in changes.items() if name not in of_need}
    sample = Sample(**{"region": VILLAGE, "reviewer_id": new_id(), "second_reviewer_id": None, "checked_at": None} | of_sample)
    need = Need(**{"poster_id": new_id(), "account_id": None} | of_need)
    assert said(samples.find_check_problem(who, sample, need)) == found
    assert samples.acts_on_sample(who, sample, need) == ([] if found else ["check_sample"])


def test_counties_and_wider_regions_are_those_managed_or_audited() -> None:
    who = caller(COUNTY, VILLAGE, PROVINCE)
    vars(who)["audited_regions"] = ["44", "440106001"]
    assert samples.list_county_regions(who) == [COUNTY, PROVINCE, "44"]


@pytest.mark.parametrize(
    ("after", "found"), [(None, None), (-DAY, None), (72 * timedelta(hours=1), None), (73 * timedelta(hours=1), "choose_until_wrong")]
)
def test_giver_chooses_within_three_days(after: timedelta | None, found: str | None) -> None:
    assert said(choosing.find_choice_problem(None if after is None else NOW + after, NOW)) == found


def test_perishable_goods_are_matched_until_five_days_before() -> None:
    assert choosing.limit_validity(NOW, None) == NOW
    assert choosing.limit_validity(NOW + 30 * DAY, NOW + 12 * DAY) == NOW + 7 * DAY
    assert choosing.limit_validity(NOW + 3 * DAY, NOW + 12 * DAY) == NOW + 3 * DAY
    assert choosing.find_best_before_problem(None, NOW) is None
    assert choosing.find_best_before_problem(NOW + 5 * DAY + timedelta(seconds=1), NOW) is None
    near = choosing.find_best_before_problem(NOW + 5 * DAY, NOW)
    assert said(near) == said(choosing.find_best_before_problem(NOW - DAY, NOW)) == "best_before_too_near"
    assert all("5" in title for title in titles(near))
    missing = choosing.find_best_before_problem(None, NOW, items()["food.rice"])
    assert said(missing) == "best_before_needed"
    assert titles(missing) == [
        "“大米”有保质期，请填写最早到期的日期",
        "“Rice” keeps for a limited time. State the earliest best-before date.",
    ]
    assert choosing.find_best_before_problem(NOW + 6 * DAY, NOW, items()["food.rice"]) is None
    assert choosing.RENEWED_FOR == 30 * DAY


def test_giver_is_reminded_a_week_before_or_at_half_time() -> None:
    assert choosing.find_reminder(NOW + 30 * DAY, None, NOW) is None
    assert choosing.find_reminder(NOW + 30 * DAY, NOW + 36 * DAY, NOW) is None, "another reason ends it"
    assert choosing.find_reminder(NOW + 30 * DAY, NOW + 35 * DAY, NOW) == NOW + 23 * DAY
    assert choosing.find_reminder(NOW + 4 * DAY, NOW + 9 * DAY, NOW) == NOW + 2 * DAY


@pytest.mark.parametrize(
    ("changes", "shown", "fits"),
    [
        ({}, COUNTY, True),
        ({"category": "food"}, COUNTY, True),
        ({"category": "food.ric"}, COUNTY, False),
        ({"category": "food.rice.long"}, COUNTY, False),
        ({"unit": "bag"}, COUNTY, False),
        ({"region": VILLAGE}, COUNTY, False),
        ({"region": "510904"}, COUNTY, False),
        ({"kind": "purchase"}, COUNTY, False),
        ({"region": ""}, COUNTY, True),
    ],
)
def test_pledge_fits_within_its_category_unit_and_region(changes: dict[str, str], shown: str, fits: bool) -> None:
    pledge = Pledge(**{"category": "food.rice", "unit": "kg", "region": COUNTY, "kind": "goods"} | changes)
    problem = choosing.find_fit_problem(Need(category="food.rice", unit="kg"), pledge, shown)
    assert said(problem) == (None if fits else "does_not_fit")


@pytest.mark.parametrize(
    ("match", "pledge", "again", "back"),
    [
        ({"state": "received", "sent": 8, "received": 5}, {}, 0, 3),
        ({"state": "closed", "sent": 8, "received": None}, {}, 0, 8),
        ({"state": "closed", "sent": None}, {}, 0, 0),
        ({"state": "closed", "sent": None}, {"withdrawn": True}, 0, 10),
        ({"state": "closed", "sent": 8, "received": 5}, {"valid_until": NOW}, 0, 5),
        ({"state": "closed", "sent": 8, "received": 5}, {"valid_until": NOW + DAY}, 0, 3),
        ({"state": "closed", "sent": 8, "received": 5}, {}, 2, 1),
        ({"state": "closed", "sent": 8, "received": 5}, {}, 4, 0),
        ({"state": "sent", "sent": 8, "received": 5}, {}, 0, 0),
        ({"state": "declined", "sent": None}, {"withdrawn": True}, 0, 0),
    ],
)
def test_units_that_came_back_are_counted_once(match: dict[str, Any], pledge: dict[str, Any], again: int, back: int) -> None:
    made = Match(**{"quantity": 10, "sent": None, "received": None} | match)
    offered = Pledge(**{"withdrawn": False, "valid_until": NOW + DAY} | pledge)
    assert choosing.count_came_back(made, offered, again, NOW) == back


def waiting(region: str, units: int = 0, open_pledges: int = 1, open_units: int = 1) -> Waiting:
    return Waiting(region, 1, units, open_pledges, open_units, None)


def asked_guide(**changes: Any) -> Guide:
    plain: dict[str, Any] = {
        "region": VILLAGE, "terms": terms(photo="none", per_person=None, per_household=None),
        "typical": [Typical(COUNTY, 4, (1, 2, 3, 4)), Typical(CITY, 5, (2, 4, 6, 8)), Typical("", 99, (1, 1, 1, 1))],
        "balance": [waiting(PROVINCE)], "household": None, "of_institution": False,
    }  # fmt: skip
    return Guide(**plain | changes)


@pytest.mark.parametrize(("quantity", "found"), [(24, []), (25, [{"quantity": 25, "most_ask_for": 8}]), (None, [])])
def test_quantity_far_above_the_typical_is_warned_of(quantity: int | None, found: list[dict[str, int]]) -> None:
    warnings = guide.find_warnings(asked_guide(), quantity)
    assert [one.figures for one in warnings if one.code == "far_above_typical"] == found
    assert guide.find_typical(asked_guide()) == Typical(CITY, 5, (2, 4, 6, 8))
    assert guide.find_typical(asked_guide(typical=[Typical("", 4, (1, 1, 1, 1))])) is None
    assert guide.find_warnings(asked_guide(typical=[]), quantity) == []


def test_advice_of_the_item_is_among_the_warnings() -> None:
    usual = asked_guide(terms=terms(photo="none"), typical=[])
    assert [one.code for one in guide.find_warnings(usual, 4)] == ["above_usual"]
    assert guide.find_warnings(usual, None) == []
    assert guide.find_warnings(replace(usual, of_institution=True), 4) == []
    unknown, of_two = (replace(usual, quota=Quota(size, 90, 4, 12, 9, 3)) for size in (None, 2))
    assert [one.code for one in guide.find_warnings(unknown, None)] == ["size_unknown"]
    assert [[one.code for one in guide.find_warnings(of_two, quantity)] for quantity in (1, 2)] == [[], ["above_usual"]]
    assert guide.find_warnings(replace(unknown, terms=terms(photo="none", per_person=None)), None) == []


@pytest.mark.parametrize(
    ("posted", "is_posted", "codes"),
    [
        (Posted(2, 9, 0, 3, 10), False, {}),
        (Posted(3, 9, 0, 3, 10), False, {"many_open": {"open": 3, "advised": 3}}),
        (Posted(3, 9, 1, 3, 10), True, {}),
        (Posted(4, 9, 1, 3, 10), True, {"many_open": {"open": 4, "advised": 3}}),
        (Posted(2, 10, 0, 3, 10), False, {"many_in_a_year": {"posted": 10, "advised": 10}}),
        (Posted(2, 10, 1, 3, 10), True, {}),
        (Posted(2, 11, 1, 3, 10), True, {"many_in_a_year": {"posted": 11, "advised": 10}}),
        (Posted(2, 9, 1, 3, 10), False, {"same_item_open": {"open": 1}}),
        (Posted(2, 9, 3, 3, 10), True, {"same_item_open": {"open": 2}}),
    ],
)
def test_household_with_many_needs_is_warned(posted: Posted, is_posted: bool, codes: dict[str, dict[str, int]]) -> None:
    warnings = guide.find_warnings(asked_guide(household=posted), None, is_posted=is_posted)
    assert {one.code: one.figures for one in warnings} == codes
    assert all(one.zh and one.en for one in warnings)
    if not is_posted:
        assert guide.find_warnings(asked_guide(household=posted), None) == warnings


@pytest.mark.parametrize(
    ("balance", "found"),
    [
        ([], [("nothing_offered", {})]),
        ([waiting(PROVINCE, open_pledges=0)], [("nothing_offered", {})]),
        ([waiting(PROVINCE, open_pledges=0, units=9), waiting("")], [("much_waits", {"waiting": 9, "offered": 1})]),
        ([waiting(PROVINCE, units=10, open_units=2)], []),
        ([waiting(PROVINCE, units=11, open_units=2)], [("much_waits", {"waiting": 11, "offered": 2})]),
        ([waiting(CITY, units=11, open_units=2)], []),
    ],
)
def test_scarcity_is_told_of_the_country_then_the_province(balance: list[Waiting], found: list[tuple[str, dict[str, int]]]) -> None:
    assert [(one.code, one.figures) for one in guide.find_warnings(asked_guide(balance=balance), None)] == found
    assert guide.regions_above(VILLAGE) == guide.regions_above(COUNTY) == [COUNTY, CITY, PROVINCE, ""]


@pytest.mark.parametrize(
    ("before", "made", "seconds_ago", "found", "wait"),
    [
        (True, 0, 0, "already_reported", None),
        (False, 9, 0, None, None),
        (False, 10, 0, "too_many_reports", 86_400),
        (False, 10, 86_399, "too_many_reports", 1),
        (False, 11, 90_000, "too_many_reports", 1),
    ],
)
def test_account_makes_ten_reports_a_day(before: bool, made: int, seconds_ago: int, found: str | None, wait: int | None) -> None:
    oldest = NOW - timedelta(seconds=seconds_ago)
    problem = reports.find_report_problem(reported_before=before, made=made, oldest=oldest, at=NOW)
    assert said(problem) == found
    if wait and problem:
        assert problem.retry_after_seconds == wait
        assert problem.members == {"limit": {"name": "reports_per_day", "most": 10, "used": made, "left": 0}}
        assert all("10" in title for title in titles(problem))
    assert [reports.hides_need(number) for number in (4, 5, 6)] == [False, True, True]


def test_report_without_a_known_first_one_waits_a_day() -> None:
    problem = reports.find_report_problem(reported_before=False, made=10, oldest=None, at=NOW)
    assert problem is not None
    assert problem.retry_after_seconds == 86_400


def test_renewal_never_shortens_a_need() -> None:
    assert life.find_expiry(Need(expires_at=None), 90, NOW) == NOW + 90 * DAY
    assert life.find_expiry(Need(expires_at=NOW + 100 * DAY), 90, NOW) == NOW + 100 * DAY
    assert life.find_expiry(Need(expires_at=NOW + 80 * DAY), 90, NOW) == NOW + 90 * DAY
    assert (life.REMINDED_BEFORE, life.SHORTEST_WARNING, life.SILENT_AFTER) == (7 * DAY, 3 * DAY, 60 * DAY)


@pytest.mark.parametrize(("by", "role"), [(None, "system"), ("account", "household"), ("poster", "poster"), ("other", "administrator")])
def test_change_tells_in_which_role_it_was_made(by: str | None, role: str) -> None:
    people = {"account": new_id(), "poster": new_id(), "other": new_id(), None: None}
    need = Need(account_id=people["account"], poster_id=people["poster"])
    assert life.actor_of(Change(by_id=people[by]), need) == role
    assert life.actor_of(Change(by_id=None), Need(account_id=None, poster_id=new_id())) == "system"


def test_draft_is_posted_once_and_may_be_deleted() -> None:
    assert drafts.acts_on_draft(Draft(need_id=None)) == ["change_draft", "post_draft", "delete_draft"]
    assert drafts.acts_on_draft(Draft(need_id=new_id())) == ["delete_draft"]
    assert said(drafts.find_draft_problem(Draft(need_id=new_id()))) == "state_conflict:posted"
    assert drafts.find_draft_problem(Draft(need_id=None)) is None
    assert (drafts.KEPT, drafts.MOST_DRAFTS, set(drafts.MEANT_EMPTY)) == (30 * DAY, 50, {"quantity"})


def test_settings_are_each_those_of_the_nearest_region() -> None:
    made = {
        "": ReviewSettings(county_above=1, sample_per_mille=1),
        CITY: ReviewSettings(county_above=0, sample_per_mille=None),
        COUNTY: ReviewSettings(county_above=None, sample_per_mille=0),
        "510904": ReviewSettings(county_above=9, sample_per_mille=9),
    }
    assert settings.choose_settings(VILLAGE, made) == settings.InForce(0, 0)
    assert settings.choose_settings(CITY, made) == settings.InForce(0, 1)
    assert settings.choose_settings("44", made) == settings.InForce(1, 1)
    assert settings.choose_settings(VILLAGE, {}) == settings.InForce() == settings.InForce(2_000_000, 100)
    assert settings.list_enclosing_regions(VILLAGE) == settings.list_enclosing_regions(COUNTY) == [COUNTY, CITY, PROVINCE, ""]


POSTER, ACCOUNT = new_id(), new_id()


def photographed(state: str = "posted", kind: str = "need", **changes: Any) -> NeedPhoto:
    need = Need(id=new_id(), region=VILLAGE, poster_id=POSTER, account_id=ACCOUNT, consent="slip", state=state)
    photo = NeedPhoto(**{"kind": kind, "is_public": False, "removed_at": None} | changes)
    vars(photo)["need"] = need
    return photo


SIDE, AGENT = caller(person=ACCOUNT), caller(VILLAGE, person=POSTER)


@pytest.mark.parametrize(
    ("who", "kind", "count", "state", "found"),
    [
        (SIDE, "need", 3, "posted", None),
        (AGENT, "need", 3, "published", None),
        (SIDE, "need", 4, "posted", "enough_photos"),
        (SIDE, "consent", 1, "posted", None),
        (SIDE, "consent", 2, "posted", "enough_photos"),
        (SIDE, "consent", 1, "published", "state_conflict:published"),
        (SIDE, "need", 1, "closed", "state_conflict:closed"),
        (caller(COUNTY), "need", 1, "posted", "not_allowed"),
        (auditor(COUNTY), "need", 1, "posted", "not_allowed"),
        (caller("44"), "need", 1, "published", "not_found"),
    ],
)
def test_side_of_a_need_adds_photos_while_it_is_open(who: Caller, kind: str, count: int, state: str, found: str | None) -> None:
    need = photographed(state).need
    problem = photos.find_adding_problem(who, need, kind, count)
    assert said(problem) == found
    if found == "enough_photos":
        assert all(str(count) in title for title in titles(problem))
    act = {"need": "add_need_photo", "consent": "add_consent_photo"}[kind]
    assert (act in photos.photo_acts_on_need(who, need, {(need.id, kind): count})) is (found is None)
    assert photos.photo_acts_on_need(None, need, {}) == []


def test_slip_is_added_where_somebody_posted_on_behalf() -> None:
    need = photographed().need
    assert photos.photo_acts_on_need(SIDE, need, {}) == ["add_need_photo", "add_consent_photo"]
    need.consent = None
    assert photos.photo_acts_on_need(SIDE, need, {}) == ["add_need_photo"]
    assert said(photos.find_adding_problem(SIDE, need, "consent", 0)) == "not_allowed"
    states = ("posted", "confirmed", "returned", "published", "rejected", "withdrawn", "closed", "expired", "met")
    need.consent = "slip"
    for kind, open_in in (("need", states[:4]), ("consent", ("posted", "returned"))):
        for state in states:
            need.state = state
            assert (photos.find_adding_problem(SIDE, need, kind, 0) is None) is (state in open_in), (kind, state)


@pytest.mark.parametrize(
    ("who", "photo", "removal", "showing"),
    [
        (SIDE, photographed(), None, "own_need"),
        (AGENT, photographed(), None, "own_need"),
        (SIDE, photographed("closed"), "state_conflict:closed", "own_need"),
        (SIDE, photographed(removed_at=NOW), "state_conflict:removed", "own_need"),
        (SIDE, photographed("published", "consent"), "state_conflict:published", "own_need"),
        (caller(COUNTY), photographed(), None, None),
        (caller(COUNTY), photographed("closed"), None, None),
        (caller(COUNTY), photographed(removed_at=NOW), "state_conflict:removed", "state_conflict:removed"),
        (caller(COUNTY), photographed(kind="consent"), "not_allowed", "not_allowed"),
        (auditor(COUNTY), photographed(), "not_allowed", "not_allowed"),
        (caller("44"), photographed(), "not_found", "not_found"),
        (caller("44"), photographed("published", is_public=True), "not_allowed", "not_allowed"),
    ],
)
def test_photo_is_removed_by_its_side_and_shown_by_reviewers(
    who: Caller, photo: NeedPhoto, removal: str | None, showing: str | None
) -> None:
    assert said(photos.find_removal_problem(who, photo)) == removal
    assert said(photos.find_showing_problem(who, photo)) == showing
    acts = {"remove_need_photo": removal, "show_need_photo": showing}
    assert photos.acts_on_photo(who, photo) == [act for act, problem in acts.items() if problem is None]
    assert photos.acts_on_photo(None, photo) == []


@pytest.mark.parametrize(
    ("state", "changes", "public"),
    [
        ("published", {"is_public": True}, True),
        ("closed", {"is_public": True}, True),
        ("expired", {"is_public": True}, True),
        ("met", {"is_public": True}, True),
        ("posted", {"is_public": True}, False),
        ("published", {}, False),
        ("published", {"is_public": True, "removed_at": NOW}, False),
    ],
)
def test_public_sees_photos_that_were_shown(state: str, changes: dict[str, Any], public: bool) -> None:
    photo = photographed(state, **changes)
    assert photos.may_see_photo(None, photo) is public
    assert photos.may_see_photo(caller("44"), photo) is public
    assert all(photos.may_see_photo(who, photo) for who in (SIDE, AGENT, caller(COUNTY), auditor(COUNTY)))
