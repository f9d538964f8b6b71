"""Regions are found by the way to them, in characters, pinyin and initials; many codes are answered at once."""

from typing import Any

import pytest
from sqlalchemy import text

from chassis.testing.fixtures import Client, RolledBack
from chassis.testing.rows_read import rows_read
from users.regions.make_spellings import compute_spellings
from users.regions.shipped import read_spellings
from users.regions.spelling import read_words, shorten, spell, spellings

PENGXI = "510921"


def found(client: Client, q: str, **query: Any) -> list[str]:
    answer = client.get("/v1/regions", q=q, **query)
    assert answer.status_code == 200, answer.json
    return [one["code"] for one in answer.json["items"]]


WAYS = {
    "遂宁市蓬溪县": PENGXI, "四川省遂宁市蓬溪县": PENGXI, "遂宁蓬溪": PENGXI, "遂宁 蓬溪": PENGXI, "四川 蓬溪": PENGXI, "遂宁/蓬溪": PENGXI,
    "suining pengxi": PENGXI, "Suining Pengxi": PENGXI, "suiningpengxi": PENGXI, "suiningshipengxixian": PENGXI, "sichuan pengxi": PENGXI,
    "Suíníng Péngxī": PENGXI, "lǚliáng": "1411",
    "sn px": PENGXI, "SN PX": PENGXI, "遂宁 px": PENGXI, "蓬溪县": PENGXI, "pengxi": PENGXI, "suining peng": PENGXI,
    "遂宁": "5109", "suining": "5109", "四川": "51", "chongqing": "50", "重庆渝北": "500112", "吉林省吉林市": "2202",
    "新疆": "65", "北川": "510726", "遂宁市蓬溪县赤城镇": "510921100", "蓬溪赤城": "510921100", "sn px ccz": "510921100",
}  # fmt: skip


@pytest.mark.parametrize("q", WAYS)
def test_a_region_is_found_by_the_way_to_it(client: Client, q: str) -> None:
    assert WAYS[q] in found(client, q)[:3]


def test_the_exact_way_comes_first(client: Client) -> None:
    assert found(client, "遂宁市蓬溪县")[0] == found(client, "suining pengxi")[0] == PENGXI


def test_a_village_is_found_below_a_county_or_by_its_name(client: Client) -> None:
    village = "510604100001"
    for q in ("罗江区景乐社区", "德阳 罗江 景乐", "罗江 jingle", "罗江区万安镇景乐社区居民委员会", "景乐社区居民委员会"):
        assert village in found(client, q), q


def test_a_way_through_another_city_finds_nothing(client: Client) -> None:
    assert found(client, "绵阳市蓬溪县") == found(client, "mianyang pengxi") == found(client, "没有这个地方") == []


def test_a_search_by_the_way_stays_within_a_region(client: Client) -> None:
    assert found(client, "蓬溪", within="5109")[0] == PENGXI
    assert found(client, "蓬溪", within="5107") == []
    assert len(found(client, "城关镇", limit=5)) == 5


@pytest.mark.parametrize("q", ["%", "_", "'", "\\", "- ,", "x", "sn", "一" * 50, "a" * 50, "ü", "100%"])
def test_no_question_is_an_error(client: Client, q: str) -> None:
    assert client.get("/v1/regions", q=q).status_code == 200


@pytest.mark.parametrize("q", ["大", "sh", "zhong", "城关镇", "遂宁 城", "sn px", "suining pengxi", "四川 a", "wanganzhen"])
def test_a_search_reads_few_rows(client: Client, database: RolledBack, q: str) -> None:
    with rows_read(database.engine) as reading:
        client.get("/v1/regions", q=q)
    assert reading.rows < 6_000, reading.largest_scan()


@pytest.mark.parametrize("key", ["蓬溪", "pengxi"])
def test_words_are_looked_up_in_an_index(database: RolledBack, key: str) -> None:
    with database.begin() as session:
        plan = "\n".join(
            session.scalars(text("EXPLAIN SELECT code FROM region_spellings WHERE key >= :key AND key < :key || '~'"), {"key": key})
        )
    assert "Index" in plan
    assert "Seq Scan" not in plan


def test_names_lose_their_kind_of_division() -> None:
    short = {
        "四川省": "四川",
        "蓬溪县": "蓬溪",
        "新疆维吾尔自治区": "新疆",
        "北川羌族自治县": "北川",
        "赤城镇": "赤城",
        "安县": "安县",
        "高坪街道": "高坪",
    }
    assert {name: shorten(name) for name in short} == short
    assert shorten("双江拉祜族佤族布朗族傣族自治县") == "双江"


def test_names_are_spelled_in_pinyin_and_initials() -> None:
    assert spell("蓬溪") == ("pengxi", "px")
    assert spell("重庆市") == ("chongqingshi", "cqs")
    assert spellings("蓬溪县") == {"蓬溪县", "蓬溪", "pengxixian", "pxx", "pengxi", "px"}


def test_the_shipped_spellings_are_those_of_the_edition() -> None:
    assert read_spellings() == compute_spellings(), "run `make generate`"


def test_words_are_split_at_spaces_and_marks() -> None:
    assert read_words(" Xi'an,  LÜliang·遂宁/蓬溪 ") == ["xian", "lvliang", "遂宁", "蓬溪"]


def test_many_codes_are_answered_at_once(client: Client) -> None:
    asked = ["510903", "5109", "510626", "510604", "510903001001", "330104", "519999", "510922000000"]
    answer = client.get("/v1/regions", codes=",".join(asked)).json
    items = {one["code"]: one for one in answer["items"]}
    assert list(items) == ["510903", "5109", "510604", "510903001001", "510981"]
    assert items["510604"]["asked"] == ["510626", "510604"]
    assert [one["name"] for one in items["510903001001"]["ancestors"]][:3] == ["四川省", "遂宁市", "船山区"]
    unanswered = {one["asked"]: one for one in answer["unanswered"]}
    assert [one["code"] for one in unanswered["330104"]["successors"]] == ["330102", "330114"]
    assert "330102 上城区" in unanswered["330104"]["message"]
    assert {code: one["code"] for code, one in unanswered.items()} == {"330104": "region_ended", "519999": "unknown_region"}


def test_a_hundred_codes_take_as_few_statements_as_one(client: Client, database: RolledBack, monkeypatch: pytest.MonkeyPatch) -> None:
    with database.begin() as session:
        codes = list(session.scalars(text("SELECT code FROM regions WHERE code LIKE '510903%' ORDER BY code LIMIT 100")))
    assert len(client.get("/v1/regions", codes=",".join(codes)).json["items"]) == 100
    assert client.get("/v1/regions", codes=",".join([*codes, "5109"])).status_code == 422
    from sqlalchemy import event

    counted = []

    def count(few: list[str]) -> int:
        statements: list[str] = []
        listener = lambda *given: statements.append(given[2])  # noqa: E731
        event.listen(database.engine, "before_cursor_execute", listener)
        client.get("/v1/regions", codes=",".join(few))
        event.remove(database.engine, "before_cursor_execute", listener)
        counted.append(len(statements))
        return len(statements)

    assert count(codes) == count(codes[:1])


@pytest.mark.parametrize(
    "query",
    [{"q": ""}, {"q": "长" * 51}, {"codes": "x"}, {"codes": "51,"}, {"codes": ""}, {"q": "a", "name": "b"}, {"q": "a", "codes": "51"}],
)
def test_a_malformed_question_is_refused(client: Client, query: dict[str, str]) -> None:
    assert (client.get("/v1/regions", **query).status_code) == 422


def test_former_code_is_answered_with_its_several_successors(client: Client) -> None:
    for path in ("/v1/regions/330104", "/v1/regions/330104/children"):
        answer = client.get(path)
        assert (answer.status_code, answer.json["code"]) == (410, "region_ended")
        assert [one["name"] for one in answer.json["successors"]] == ["上城区", "钱塘区"]
        assert "330102 上城区、330114 钱塘区" in answer.json["title"]


def test_a_former_village_is_answered_with_its_present_one(client: Client) -> None:
    shown = client.get("/v1/regions/510626100001").json
    assert (shown["asked"], shown["code"]) == ("510626100001", "510604100001")
