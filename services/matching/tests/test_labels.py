"""Texts of printed slips and labels: the place and the office, the item in its own words, and nobody's name."""

import io
from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest
from msgspec.structs import replace
from pypdf import PdfReader

from chassis.data import regions
from chassis.data.database import new_id
from chassis.data.region_names import find_region_names
from chassis.testing.fixtures import Client, Person, RolledBack
from chassis.testing.twins import altered, unguarded
from contracts.event import Event
from contracts.generate import example_of
from contracts.users import PlaceChanged, RegionListed
from matching.points import actions as points
from matching.points.queries import find_nearest_point
from matching.slips.regions import complete_address

from .conftest import ITEMS, VILLAGE
from .test_delivery import SENDING, Promise

TOWN, COUNTY = VILLAGE[:9], VILLAGE[:6]
CHARITY = "某慈善会"


def point(**changes: Any) -> PlaceChanged:
    changed: PlaceChanged = replace(example_of(PlaceChanged), **{"place_id": new_id(), "region": VILLAGE} | changes)
    return changed


def hear(database: RolledBack, *events: PlaceChanged) -> None:
    with database.begin() as session:
        points.record_points(session, events)


@pytest.fixture
def promise(client: Client, database: RolledBack) -> Promise:
    return Promise(client, database)


@pytest.fixture
def promise_of(client: Client, database: RolledBack, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Promise]:
    """Return `promise_of(category, unit)`: an accepted match about another item."""
    from . import test_delivery

    def make(category: str, unit: str) -> Promise:
        for name in ("published", "offered"):
            made: Callable[..., Event] = getattr(test_delivery, name)
            more_of = {"published": {"charity": CHARITY} if unit == "fen" else {}, "offered": {"kind": ITEMS[category][1]}}
            item = {"category": category, "unit": unit} | more_of[name]
            monkeypatch.setattr(test_delivery, name, lambda made=made, item=item, **more: made(**more | item))
        return Promise(client, database)

    return make


def words_on(pdf: bytes) -> str:
    """Return the text of a one-page PDF without its spaces."""
    [page] = PdfReader(io.BytesIO(pdf)).pages
    return "".join(page.extract_text().split())


def names_of(database: RolledBack, region: str) -> list[str]:
    with database.begin() as session:
        return find_region_names(session, region)


def printed(promise: Promise) -> str:
    answer = promise.client.post(f"{promise.path}/slip", by=promise.agent)
    assert answer.status_code == 201
    return words_on(answer.data)


def label(promise: Promise, by: Person | None = None, paper: bool = False) -> Any:
    return promise.client.get(f"{promise.path}/label{'/paper' if paper else ''}", by=by or promise.giver)


@pytest.mark.parametrize(
    "is_guarded", [True, unguarded(False, "without the versions, an address that comes late sends goods to the former place")]
)
def test_newest_version_of_a_point_counts(database: RolledBack, monkeypatch: pytest.MonkeyPatch, is_guarded: bool) -> None:
    if not is_guarded:
        unchecked = altered(points.record_points, ", where=Point.version < fresh.excluded.version")
        monkeypatch.setattr(points, "record_points", unchecked)
    for order in permutations((1, 2, 3)):
        place_id = new_id()
        hear(database, *(point(place_id=place_id, version=version, address=f"{version} 号", region=TOWN) for version in order))
        for version in order:
            hear(database, point(place_id=place_id, version=version, address=f"{version} 号", region=TOWN))
        with database.begin() as session:
            found = find_nearest_point(session, VILLAGE)
            assert found is not None
            assert found.address == "3 号"
        hear(database, point(place_id=place_id, version=4, state="closed", region=TOWN))


def test_nearest_open_point_is_printed(promise: Promise, database: RolledBack) -> None:
    assert "收货点" not in printed(promise)
    for region in (COUNTY, TOWN, VILLAGE):
        hear(database, point(region=region, name=f"{len(region)} 位服务站"))
        assert f"{len(region)}位服务站" in printed(promise)
    hear(database, point(region="510904", name="别处"), point(region=VILLAGE, state="closed", name="已关闭"))
    assert "12位服务站" in printed(promise)


def test_slip_names_place_office_giver_and_platform(promise: Promise, database: RolledBack) -> None:
    hear(database, point())
    text = printed(promise)
    names = names_of(database, VILLAGE)
    number = promise.path[-12:].upper()
    for wanted in ("".join(names[-2:]), "河沙镇便民服务中心", "河沙镇新街12号", "0825-2661234", f"爱心人士·{number}", "duijie.example.org"):
        assert wanted in text
    assert "爱心物资交接单" in text
    assert "50公斤大米" in text
    assert "爱心方" not in text


@pytest.mark.parametrize(
    ("category", "unit", "title", "amount"),
    [
        ("clothing.quilt", "piece", "爱心物资交接单", "50床棉被"),
        ("employment.job", "person", "就业帮扶确认单", "50个就业岗位"),
        ("farming.training", "person", "技能培训确认单", "50人参加农技培训"),
        ("health.visit", "visit", "志愿服务确认单", "50次上门诊疗"),
        ("industry.eggs", "kg", "消费帮扶确认单", "收购50公斤鸡蛋"),
        ("money.living", "fen", "爱心资助确认单", "生活补助0.50元"),
    ],
)
def test_title_fits_the_item(promise_of: Callable[[str, str], Promise], category: str, unit: str, title: str, amount: str) -> None:
    promise = promise_of(category, unit)
    text = printed(promise)
    assert title in text
    assert amount in text
    assert ("物资" in text) == (title == "爱心物资交接单")


def test_slip_of_no_goods_speaks_of_none(promise_of: Callable[[str, str], Promise], database: RolledBack) -> None:
    hear(database, point())
    text = printed(promise_of("employment.job", "person"))
    assert [words for words in ("收货点", "签收人", "物资") if words in text] == []
    assert "联系地点" in text
    assert "确认人" in text


def test_slip_of_money_names_the_charity(promise_of: Callable[[str, str], Promise], promise: Promise) -> None:
    assert f"慈善组织Charity{CHARITY}" in printed(promise_of("money.living", "fen"))
    assert "慈善组织" not in printed(promise)


def test_label_sends_the_parcel_to_the_point(promise: Promise, database: RolledBack) -> None:
    assert label(promise).json["code"] == "no_collection_point"
    hear(database, point())
    shown = label(promise).json
    around = "".join(names_of(database, VILLAGE)[:3])
    assert (shown["recipient"], shown["address"], shown["telephone"]) == ("河沙镇便民服务中心", f"{around}河沙镇新街 12 号", "0825-2661234")
    assert shown["text"].splitlines() == [
        "收件人：河沙镇便民服务中心（0825-2661234）",
        f"地址：{around}河沙镇新街 12 号",
        "物品：50 公斤大米",
        f"对接编号：{shown['number']}",
        "开放时间：周一至周五 9:00—17:00",
        "请勿寄送：旧衣物、药品",
    ]
    paper = label(promise, paper=True)
    assert (paper.status_code, paper.content_type) == (200, "application/pdf")
    for wanted in ("河沙镇便民服务中心", "河沙镇新街12号", "0825-2661234", "50公斤大米", "请勿寄送旧衣物、药品"):
        assert wanted in words_on(paper.data)


def test_label_is_for_the_giver_of_goods_alone(promise: Promise, promise_of: Callable[[str, str], Promise], database: RolledBack) -> None:
    hear(database, point())
    for person, status in ((promise.household, 403), (promise.agent, 403), (promise.stranger, 403), (Person("donor"), 404)):
        assert label(promise, person).status_code == status
        assert label(promise, person, paper=True).status_code == status
    promise.does("sending", SENDING, promise.giver)
    assert label(promise).status_code == 200
    promise.does("receipt", {}, promise.household)
    assert label(promise).json["code"] == "state_conflict"
    assert label(promise_of("employment.job", "person")).json["code"] == "label_not_needed"


def test_whoever_brings_goods_names_no_carrier(promise: Promise) -> None:
    assert promise.does("sending", {"tracking_number": "SF1234567890"}, promise.giver) == (422, "invalid")
    assert promise.does("sending", {}, promise.giver) == (201, "sent")
    assert promise.delivery()["carrier"] == "in_person"


def test_longest_point_stays_on_one_page(promise: Promise, database: RolledBack) -> None:
    hear(database, point(name="长" * 100, address="址" * 200, hours="时" * 200, do_not_bring="勿" * 300))
    for text in (printed(promise), words_on(label(promise, paper=True).data)):
        assert [text.count(character) for character in "长址勿"][:2] == [100, 200]
        assert text.count("时") >= 200


@pytest.mark.parametrize(
    ("written", "whole"),
    [
        ("新会镇街上 1 号", "四川省遂宁市蓬溪县新会镇街上 1 号"),
        ("蓬溪县新会镇街上 1 号", "四川省遂宁市蓬溪县新会镇街上 1 号"),
        ("遂宁市蓬溪县新会镇", "四川省遂宁市蓬溪县新会镇"),
        ("四川省遂宁市蓬溪县", "四川省遂宁市蓬溪县"),
        ("猫山村 1 组", "四川省遂宁市蓬溪县新会镇猫山村 1 组"),
        ("镇政府旁 3 号", "四川省遂宁市蓬溪县新会镇镇政府旁 3 号"),
        ("赤城镇上街 2 号", "四川省遂宁市蓬溪县赤城镇上街 2 号"),
    ],
)
def test_address_is_completed_without_repeating(written: str, whole: str) -> None:
    assert complete_address(written, ["四川省", "遂宁市", "蓬溪县", "新会镇"]) == whole


def test_village_is_named_without_its_office(database: RolledBack) -> None:
    assert names_of(database, "510921101207") == ["四川省", "遂宁市", "蓬溪县", "新会镇", "猫山村"]
    assert names_of(database, "510921101") == ["四川省", "遂宁市", "蓬溪县", "新会镇"]
    assert [names_of(database, code) for code in ("999999999999", "")] == [[], []]
    renamed = replace(example_of(RegionListed), code="510921101207", region_name="猫山新村村委会", version=9)
    with database.begin() as session:
        regions.record(session, [renamed])
    assert names_of(database, "510921101207")[-1] == "猫山新村"
