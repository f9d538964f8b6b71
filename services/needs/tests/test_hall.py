"""The hall: every question gives what a plain list gives, page by page, and counts follow."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from types import NoneType
from typing import Any, get_type_hints
from uuid import UUID

import pytest
from sqlalchemy import text, update

from chassis.data.audit_log import id_at
from chassis.data.database import Database, new_id, now
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of
from chassis.testing.twins import unguarded
from needs.api.needs import PERSONAL, NeedOut
from needs.catalogue import catalogue
from needs.hall import counts, kinds, queries, rows
from needs.hall.cursor import read_cursor, write_cursor
from needs.hall.question import URGENCIES, Question, drop_nested
from needs.hall.words import list_bigrams
from needs.model import Need

TOWNS = ("510903001", "510903002", "510904001", "510722001", "330102001", "330102002")
ITEMS = ("food.rice", "food.oil", "clothing.quilt", "household.fan", "health.visit", "money.living", "farming.training")
SHOWN = {"510903001", "330102001"}
"""The townships in which five households have published needs."""
STORIES = ("老人独自生活", "孩子上学路远", "家里的大米吃完了", "Roof leaks in winter", "")
UNITS = {item: catalogue()[item].unit for item in ITEMS}


def make_need(luck: Random, number: int) -> Need:
    town, item = luck.choice(TOWNS), luck.choice(ITEMS)
    posted_at = now() - timedelta(days=luck.randint(0, 40), minutes=number)
    need = Need(
        id=UUID(int=id_at(posted_at).int + number), version=2, household_id=new_id(), account_id=None, poster_id=new_id(),
        region=f"{town}001", category=item, unit=UNITS[item], quantity=10, urgency=luck.choice([*URGENCIES]), reason="家中断粮",
        state="published",
        posted_at=posted_at, published_at=posted_at,
    )  # fmt: skip
    need.words = sorted(list_bigrams(luck.choice(STORIES)))
    return need


@pytest.fixture
def needs(database: RolledBack) -> list[Need]:
    """Eighty needs in six townships, two of which are shown; a third of them is covered, some are withdrawn or hidden."""
    luck = Random(3)
    made = [make_need(luck, number) for number in range(80)]
    shy = {town: [new_id() for _ in range(4)] for town in TOWNS}
    for need in made:
        if (town := need.region[:9]) not in SHOWN:
            need.household_id = luck.choice(shy[town])
    with database.begin() as session:
        session.add_all(made)
        session.flush()
        for need in made:
            if luck.random() < 1 / 3:
                session.execute(
                    text("INSERT INTO need_quantities (id, accepted, proposed, delivered) VALUES (:id, 4, 6, 0)"), {"id": need.id}
                )
        for place in range(6):
            made[place].state, made[place].ended_at = "withdrawn", now()
            made[place + 6].hidden = True
        session.flush()
        for need in made:
            session.refresh(need)
            assert need.words is not None
        while counts.add_up(session):
            pass
    return made


def answers_of(client: Client, limit: int, **query: Any) -> list[str]:
    """Read all pages of a list."""
    found, cursor = [], {}
    for _ in range(100):
        page = client.get("/v1/needs", limit=limit, **query, **cursor).json
        found += [one["id"] for one in page["items"]]
        if page["next"] is None:
            return found
        cursor = {"cursor": page["next"]}
    raise AssertionError("the list never ends")


ASKED: tuple[tuple[str, float, Callable[[Random], Any]], ...] = (
    ("region", 0.6, lambda luck: luck.choice(["51", "5109", "510903", "510903001", "510903002", "33", "46", ""])),
    ("categories", 0.3, lambda luck: ",".join(luck.sample([*ITEMS, "food", "health"], luck.randint(1, 3)))),
    ("category", 0.2, lambda luck: luck.choice(["food", "food.rice", "clothing"])),
    ("urgencies", 0.3, lambda luck: ",".join(luck.sample([*URGENCIES], luck.randint(1, 2)))),
    ("open", 0.3, lambda _: "true"),
    ("kind", 0.2, lambda luck: luck.choice(["goods", "money", "service", "training", "job"])),
    ("q", 0.3, lambda luck: luck.choice(["大米", "棉被", "老人", "rice", "Quilt", "winter", "上学路", "没有"])),
    ("max_age_days", 0.2, lambda luck: luck.randint(1, 40)),
    ("min_age_days", 0.2, lambda luck: luck.randint(1, 40)),
    ("sort", 0.7, lambda luck: luck.choice(["newest", "most_urgent", "longest_waiting", "nearest"])),
    ("near", 0.1, lambda luck: luck.choice(PLACES)),
)
PLACES = ["510903001", "510903002", "510903001001", "5109", "330102", "33"]
DISTANCES = {"township": 9, "county": 6, "city": 4, "province": 2}


def questions(luck: Random, number: int) -> Iterator[dict[str, Any]]:
    for _ in range(number):
        asked = {name: choose(luck) for name, share, choose in ASKED if luck.random() < share}
        if asked.get("sort") == "nearest":
            asked["near"] = luck.choice(PLACES)
        if "near" in asked and luck.random() < 0.3:
            asked["distance"] = luck.choice([*DISTANCES])
        yield asked


def expected(needs: list[Need], asked: dict[str, Any]) -> list[str]:
    """Answer a question from a plain list."""
    found = [need for need in needs if need.state == "published" and not need.hidden and is_asked(need, asked)]
    way = 1 if asked.get("sort") == "longest_waiting" else -1
    return [str(need.id) for need in sorted(found, key=lambda need: (rank(need, asked), way * need.id.int))]


def is_asked(need: Need, asked: dict[str, Any]) -> bool:
    region, near = asked.get("region", ""), asked.get("near", "")[:9]
    if "distance" in asked:
        around = near[: DISTANCES[asked["distance"]]]
        region = around if around.startswith(region) else region
    wanted = [one for one in (asked.get("category"), *asked.get("categories", "").split(",")) if one]
    at = now()
    return all(
        (
            need.region.startswith(region) and (len(region) < 9 or region in SHOWN),
            not wanted or any(f"{need.category}.".startswith(f"{one}.") for one in wanted),
            need.urgency in asked.get("urgencies", "normal,urgent,critical").split(","),
            need.is_open or "open" not in asked,
            kinds.kinds_by_item()[need.category] == asked.get("kind", kinds.kinds_by_item()[need.category]),
            has_words(need, asked.get("q", "")),
            need.posted_at >= at - timedelta(days=asked.get("max_age_days", 10_000)),
            need.posted_at < at - timedelta(days=asked.get("min_age_days", -1)),
        )
    )


def has_words(need: Need, written: str) -> bool:
    """Tell whether the names of the item hold what is written, or the story has all of its pairs of characters."""
    names = [(catalogue()[one].zh, catalogue()[one].en) for one in (need.category, need.category.split(".")[0])]
    return list_bigrams(written) <= {*need.words} or written.casefold() in " ".join(sum(names, ())).casefold()


def rank(need: Need, asked: dict[str, Any]) -> int:
    if asked.get("sort") == "most_urgent":
        return -URGENCIES[need.urgency]
    if asked.get("sort") != "nearest":
        return 0
    shown, near = need.region[:9] if need.region[:9] in SHOWN else need.region[:6], asked["near"][:9]
    return next(place for place, level in enumerate((9, 6, 4, 2, 0)) if len(near) >= level <= len(shown) and near[:level] == shown[:level])


@pytest.mark.parametrize(
    ("most_found", "step", "merged"), [(queries.MOST_FOUND, 100, queries.MOST_MERGED), (queries.MOST_FOUND, 2, 0), (3, 5, 10)]
)
def test_every_question_gives_what_a_plain_list_gives(
    client: Client, needs: list[Need], monkeypatch: pytest.MonkeyPatch, most_found: int, step: int, merged: int
) -> None:
    monkeypatch.setattr(queries, "MOST_FOUND", most_found)
    monkeypatch.setattr(queries, "_STEP", step)
    monkeypatch.setattr(queries, "MOST_MERGED", merged)
    luck, given = Random(7), 0
    for asked in questions(luck, 120):
        answer = answers_of(client, luck.choice([3, 7, 100]), **asked)
        assert answer == expected(needs, asked), asked
        given += len(answer)
    assert given > 500


def test_nearness_never_tells_a_township_that_is_hidden(client: Client, needs: list[Need]) -> None:
    near = answers_of(client, 100, near="510903002", sort="nearest", region="510903")
    ids = [UUID(one).int for one in near]
    assert ids == sorted(ids, reverse=True), "needs of the place stand among those of its county"
    assert any(str(need.id) in near for need in needs if need.region.startswith("510903002"))
    assert answers_of(client, 100, near="510903002", distance="township") == []


def test_words_that_are_too_common_are_walked_to(client: Client, needs: list[Need], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "MOST_FOUND", 2)
    monkeypatch.setattr(queries, "WALKED", 10)
    monkeypatch.setattr(queries, "_STEP", 5)
    page = client.get("/v1/needs", q="老人", limit=50).json
    assert page["next"] is not None, "it stops after ten and goes on by its cursor"
    assert answers_of(client, 50, q="老人") == expected(needs, {"q": "老人"})
    assert client.get("/v1/needs/counts", q="老人").json["is_exact"] is False


@pytest.mark.parametrize("query", [{}, {"q": "大米"}, {"q": "老人"}])
def test_counts_equal_the_list(client: Client, needs: list[Need], query: dict[str, str]) -> None:
    for more in ({}, {"region": "51"}, {"region": "510903"}, {"open": "true", "category": "food"}, {"urgencies": "critical,normal"}):
        asked: dict[str, Any] = query | more
        found = {str(need.id): need for need in needs}
        listed = [found[one] for one in answers_of(client, 100, **asked)]
        told = client.get("/v1/needs/counts", **asked).json
        assert (told["total"], told["is_exact"]) == (len(listed), True)
        assert {one["urgency"]: one["needs"] for one in told["urgencies"]} == Counter(need.urgency for need in listed)
        depth = 2 if "category" in asked else 1
        by_category = Counter(".".join(need.category.split(".")[:depth]) for need in listed)
        assert {one["category"]: one["needs"] for one in told["categories"]} == by_category
        length = {"": 2, "51": 4, "510903": 9}[asked.get("region", "")]
        below = Counter(need.region[:length] for need in listed if length < 9 or need.region[:9] in SHOWN)
        assert {one["region"]: one["needs"] for one in told["regions"]} == below


RECOUNTED = """
    WITH recounted AS (
        SELECT key.region, key.category, CASE urgency WHEN 'critical' THEN 4 WHEN 'urgent' THEN 2 ELSE 1 END AS urgency,
            count(*) FILTER (WHERE is_open) AS open, count(*) FILTER (WHERE NOT is_open) AS covered
        FROM needs, listing_keys(needs.region, needs.category) AS key WHERE state = 'published' AND NOT hidden GROUP BY 1, 2, 3
    ), kept AS (SELECT region, category, urgency, open, covered FROM need_counts WHERE open + covered <> 0)
    (TABLE recounted EXCEPT ALL TABLE kept) UNION ALL (TABLE kept EXCEPT ALL TABLE recounted)
"""
LISTED = """
    WITH recounted AS (
        SELECT key.region, key.category, id, CASE urgency WHEN 'critical' THEN 4 WHEN 'urgent' THEN 2 ELSE 1 END AS urgency, is_open
        FROM needs, listing_keys(needs.region, needs.category) AS key WHERE state = 'published' AND NOT hidden
    ), kept AS (SELECT region, category, id, urgency, is_open FROM need_listings)
    (TABLE recounted EXCEPT ALL TABLE kept) UNION ALL (TABLE kept EXCEPT ALL TABLE recounted)
"""


@pytest.mark.parametrize("table", ["", unguarded("needs", "without triggers neither lists nor counts follow")])
def test_lists_and_counts_follow_every_change(database: RolledBack, needs: list[Need], table: str) -> None:
    changes = (
        "UPDATE need_quantities SET accepted = 3",
        "UPDATE need_quantities SET proposed = 7",
        "UPDATE needs SET region = '510904001001' WHERE region = '510903001001'",
        "UPDATE needs SET urgency = 'critical' WHERE urgency = 'urgent'",
        "UPDATE needs SET hidden = NOT hidden WHERE category = 'food.rice'",
        "UPDATE needs SET state = 'closed' WHERE category = 'food.oil'",
        "UPDATE needs SET state = 'published' WHERE state = 'withdrawn'",
        "DELETE FROM needs WHERE category = 'clothing.quilt'",
    )
    if table:
        with database.begin() as session:
            session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
    for change in changes:
        with database.begin() as session:
            session.execute(text(change))
            while counts.add_up(session):
                pass
        assert [row for query in (RECOUNTED, LISTED) for row in database.found(text(query))] == []


@pytest.mark.parametrize("consent", [None, "slip_photo"])
def test_everybody_reads_the_hall_with_needs_of_their_own(
    client: Client, database: RolledBack, needs: list[Need], consent: str | None
) -> None:
    household, poster, giver = Person("household"), administrator_of(database, "510903001001"), Person("donor")
    shown = next(need for need in needs if need.is_shown and need.region == "510903001001")
    with database.begin() as session:
        session.execute(update(Need).where(Need.id == shown.id).values(account_id=household.id, poster_id=poster.id, consent=consent))
    masked = {"shown": "public", "household_id": None, "poster_id": None, "consent": None, "reason": None}
    for caller in (household, poster, giver, None):
        answer = client.get("/v1/needs", by=caller, region="510903001", limit=100)
        assert answer.status_code == 200, answer.text
        [own] = [one for one in answer.json["items"] if one["id"] == str(shown.id)]
        assert own | masked == own
        alone = client.get(f"/v1/needs/{shown.id}", by=caller)
        assert own["allowed"] == alone.json["allowed"]
        assert client.get(f"/v1/needs/{shown.id}/photos", by=caller).status_code == 200


def test_a_need_of_the_hall_is_the_one_that_is_got_alone(client: Client, database: RolledBack, needs: list[Need]) -> None:
    shown = [need for need in needs if need.is_shown][:4]
    with database.begin() as session:
        plain, priced, money, bare = (session.get_one(Need, need.id) for need in shown)
        plain.story, plain.specification = '老人独居，"冬天"屋里很冷', '{"size": "1.5米", "age": 3}'
        plain.posted_at, plain.expires_at = datetime(2026, 11, 30, tzinfo=UTC), datetime(2026, 12, 30, 8, 0, 0, 120, tzinfo=UTC)
        priced.terms, priced.quantity = {"price": 550, "size": 4, "usual": 2}, 3
        money.unit, money.quantity, money.charity, money.charity_id = "fen", 300_000, "遂宁市慈善总会", new_id()
        bare.published_at = None
    for caller in (None, Person("donor")):
        listed = {one["id"]: one for one in client.get("/v1/needs", by=caller, limit=100).json["items"]}
        for need in shown:
            assert listed[str(need.id)] == client.get(f"/v1/needs/{need.id}", by=caller).json
    assert [*rows.HallNeed.__struct_fields__] == [*NeedOut.names()]


def test_what_the_public_does_not_see_cannot_be_in_the_hall() -> None:
    hints = get_type_hints(rows.HallNeed)
    assert {name for name in PERSONAL if hints[name] is not NoneType} == set()


def test_an_unchanged_list_is_not_sent_again(client: Client, database: RolledBack, needs: list[Need]) -> None:
    for path in ("/v1/needs", "/v1/needs/counts", "/v1/pledges"):
        first = client.get(path)
        assert first.headers["ETag"]
        again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.text) == (304, "")
    seen = client.get("/v1/needs").headers["ETag"]
    with database.begin() as session:
        session.execute(update(Need).where(Need.id == needs[-1].id).values(quantity=11))
    assert client.get("/v1/needs", limit=100, headers={"If-None-Match": seen}).status_code == 200


@pytest.mark.parametrize(
    "query",
    [{"sort": "nearest"}, {"distance": "city"}, {"urgencies": "soon"}, {"q": "米"}, {"q": "!!"}, {"near": "99"}, {"categories": "food,,"},
     {"cursor": "AAAA"}, {"open": "1"}, {"max_age_days": 0}, {"kind": "gift"}],
)  # fmt: skip
def test_a_question_that_makes_no_sense_is_refused(client: Client, query: dict[str, Any]) -> None:
    answer = client.get("/v1/needs", **({"sort": "most_urgent"} | query))
    assert (answer.status_code, answer.json["code"]) == (422, "invalid")


def test_a_need_is_found_by_its_item_in_both_languages(client: Client, needs: list[Need]) -> None:
    rice = expected(needs, {"q": "大米", "category": "food.rice"})
    assert len(rice) > 5
    for words in ("大米", "ＲＩＣＥ", "rice"):
        assert answers_of(client, 100, q=words, category="food.rice") == rice
    assert answers_of(client, 100, q="粮油食品") == expected(needs, {"category": "food"})


def test_words_are_pairs_of_letters_and_digits() -> None:
    assert list_bigrams("棉被 2 床") == {"棉被"}
    assert list_bigrams("Winter-coat") == {"wi", "in", "nt", "te", "er", "co", "oa", "at"}
    assert list_bigrams("。，！") == set()


def test_a_kind_is_the_fewest_categories() -> None:
    assert "food" in kinds.narrow(("",), "goods")
    assert kinds.narrow(("food.rice",), "goods") == ("food.rice",)
    assert kinds.narrow(("food",), "money") == ()
    for kind in ("goods", "money", "service", "job", "purchase", "training"):
        below = {item for item in kinds.kinds_by_item() for one in kinds.narrow(("",), kind) if f"{item}.".startswith(f"{one}.")}
        assert below == {item for item, its_kind in kinds.kinds_by_item().items() if its_kind == kind}


def test_nested_categories_count_once() -> None:
    assert drop_nested(["food.rice", "food", "foods"]) == ("food", "foods")


def test_a_cursor_of_the_first_stage_is_that_of_every_list() -> None:
    one = new_id()
    assert read_cursor(write_cursor(0, one)) == (0, one)
    assert read_cursor(write_cursor(3, one)) == (3, one)
    assert len(write_cursor(0, one)) == 22


SCANS = "SELECT current_setting('enable_indexscan')"


@pytest.mark.parametrize(
    ("is_guest", "items", "scans"),
    [(True, (), "off"), (True, ("food.rice",), "on"), (False, (), "on")],
)
def test_planner_gets_its_ways_back_unless_nothing_more_is_read(
    database_of: Callable[[str, str], str], is_guest: bool, items: tuple[str, ...], scans: str
) -> None:
    """Only a guest's search ends where nothing is found; whoever is signed in goes on in the same transaction."""
    database = Database(database_of("needs", "needs_searched"), name="tests")
    with database.read() if is_guest else database.begin() as session:
        assert queries.search(session, Question(words=("没有",), items=items), is_last=True) == []
        assert session.scalar(text(SCANS)) == scans
    for opened in (database.read, database.begin):
        with opened() as session:
            assert session.scalar(text(SCANS)) == "on"
    database.close()
