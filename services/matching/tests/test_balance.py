"""The balance counts waiting needs and open pledges per region and category, exact to the unit."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from chassis.data.database import Database
from chassis.http.auth import Caller
from chassis.testing.fixtures import Client, RolledBack, assert_retold
from contracts.matching import BalanceChanged
from matching.balance import actions as keeping
from matching.balance import publication
from matching.intake import actions as booking
from matching.matches.actions import answers
from matching.snapshots import SNAPSHOTS

from .conftest import DAYS, VILLAGE, changed, clear, offered, published, told, withdrawn

COUNTY, TOWN = VILLAGE[:6], VILLAGE[:9]


def book(database: Database, needs: Sequence[Any] = (), pledges: Sequence[Any] = ()) -> None:
    with database.begin() as session:
        if needs:
            booking.book_needs(session, needs)
        if pledges:
            booking.book_pledges(session, pledges)


def keep(database: Database) -> None:
    while True:
        with database.begin() as session:
            if not keeping.update_balance(session):
                return


def tell(database: Database, pause_seconds: float = 60) -> int:
    with database.begin() as session:
        return publication.publish_changed_balances(session, pause_seconds)


def asked(client: Client, **query: Any) -> dict[str, Any]:
    answer = client.get("/v1/balance", **query)
    assert answer.status_code == 200, answer.json
    return dict(answer.json)


def run(database: Database, statement: str) -> None:
    with database.begin() as session:
        session.execute(text(statement))


def accept_all(database: Database) -> None:
    with database.begin() as session:
        for match in session.execute(text("SELECT id, pledger_id FROM matches WHERE state = 'proposed'")).all():
            answers.accept_match(session, Caller(match.pledger_id, "donor", session), match.id)


def test_everybody_sees_what_waits_in_a_region_and_all_around_it(client: Client, database: RolledBack) -> None:
    here = [published(), published(category="food.flour"), *(published(region="510903001002") for _ in range(3))]
    book(database, [*here, published(region="330106001001")])
    keep(database)
    assert [asked(client, region=region)["waiting_needs"] for region in ("", "51", "5109", COUNTY, TOWN)] == [6, 5, 5, 5, 5]
    assert asked(client, region=TOWN, category="food.rice")["units"][0]["waiting_units"] == 200
    assert asked(client, category="food")["waiting_needs"] == 6
    assert asked(client, category="foo")["waiting_needs"] == 0


def test_a_single_village_is_shown_to_nobody(client: Client, database: RolledBack) -> None:
    assert client.get("/v1/balance", region=VILLAGE).status_code == 422


def test_units_of_different_kinds_are_not_added_up(client: Client, database: RolledBack) -> None:
    book(database, [published(quantity=5), published(category="food.oil", unit="l", quantity=7)])
    keep(database)
    assert {one["unit"]: one["waiting_units"] for one in asked(client, category="food")["units"]} == {"kg": 5, "l": 7}


def test_balance_counts_wider_pledges_but_none_for_elsewhere(client: Client, database: RolledBack) -> None:
    scopes = ["", "51", COUNTY, VILLAGE, "330106"]
    book(database, pledges=[offered(region=scope, quantity=1) for scope in scopes])
    book(database, pledges=[offered(region=scope, category="food", quantity=10) for scope in scopes])
    book(
        database, pledges=[offered(category="food.rice.long", region=VILLAGE, quantity=100), offered(category="food.flour", quantity=1000)]
    )
    keep(database)
    [unit] = asked(client, region=COUNTY, category="food.rice")["units"]
    assert (unit["open_pledges"], unit["open_units"]) == (3, 102)
    assert (unit["reaching_pledges"], unit["reaching_units"]) == (9, 144)


@pytest.mark.parametrize(("pledged", "standing"), [(0, "wanting"), (49, "wanting"), (50, "covered"), (80, "covered")])
def test_who_posts_or_pledges_reads_how_it_stands(client: Client, database: RolledBack, pledged: int, standing: str) -> None:
    book(database, [published(quantity=50)], [offered(quantity=pledged)] if pledged else [])
    keep(database)
    assert asked(client, region=COUNTY)["units"][0]["standing"] == standing


def test_what_is_set_aside_neither_waits_nor_is_open(client: Client, database: RolledBack) -> None:
    book(database, [published(quantity=50)], [offered(quantity=70)])
    clear(database)
    keep(database)
    [unit] = asked(client, category="food.rice")["units"]
    assert (unit["waiting_needs"], unit["open_pledges"], unit["open_units"], unit["standing"]) == (0, 1, 20, "quiet")


def test_expired_pledge_is_open_again_when_prolonged(client: Client, database: RolledBack) -> None:
    pledge = offered(valid_until=datetime.now(UTC) - timedelta(seconds=1))
    book(database, pledges=[pledge])
    keep(database)
    assert asked(client)["open_pledges"] == 0
    with database.begin() as session:
        booking.change_pledge(session, changed(pledge, valid_until=datetime.now(UTC) + DAYS))
    keep(database)
    assert asked(client)["open_pledges"] == 1


def test_pledge_that_is_valid_again_is_open_and_waits_for_clearing(client: Client, database: RolledBack) -> None:
    pledge = offered()
    book(database, pledges=[pledge])
    with database.begin() as session:
        session.execute(text("UPDATE pledges SET expired = true"))
        session.execute(text("DELETE FROM to_clear"))
    keep(database)
    assert asked(client)["open_pledges"] == 1
    with database.begin() as session:
        assert session.execute(text("SELECT side, id FROM to_clear")).all() == [("pledge", pledge.pledge_id)]


def test_typical_days_are_the_median_until_first_acceptance(client: Client, database: RolledBack) -> None:
    at = datetime.now(UTC)
    needs = [published(quantity=1, posted_at=at - 40 * DAYS, published_at=at - days * DAYS) for days in (1, 2, 4, 30, 31)]
    book(database, needs, [offered(quantity=5)])
    clear(database)
    accept_all(database)
    keep(database)
    for region, category in ((COUNTY, "food.rice"), ("", "food"), (TOWN, "food")):
        assert asked(client, region=region, category=category)["typical_days"] == {"median": 4, "of": 5}


def test_only_the_first_match_of_a_need_moves_typical_days(client: Client, database: RolledBack) -> None:
    book(database, [published(quantity=2, published_at=datetime.now(UTC) - 9 * DAYS)], [offered(quantity=1), offered(quantity=1)])
    clear(database)
    accept_all(database)
    keep(database)
    assert asked(client)["typical_days"] == {"median": 9, "of": 1}
    run(database, "UPDATE matches SET answered_at = answered_at - interval '4 days' WHERE id = (SELECT id FROM matches LIMIT 1)")
    run(database, "INSERT INTO accepted_needs (need_id) SELECT need_id FROM matches")
    keep(database)
    assert asked(client)["typical_days"] == {"median": 5, "of": 1}


def test_matches_of_long_ago_do_not_tell_how_long_it_takes_today(client: Client, database: RolledBack) -> None:
    book(database, [published()], [offered()])
    clear(database)
    accept_all(database)
    run(database, "UPDATE matches SET answered_at = now() - interval '130 days'")
    keep(database)
    assert asked(client)["typical_days"] == {"median": None, "of": 0}


def test_the_most_wanting_comes_first_by_urgency_and_says_why(client: Client, database: RolledBack) -> None:
    book(database, [published(urgency="critical"), published(category="food.oil", unit="l"), published(category="food.oil", unit="l")])
    book(database, [published(region="330106001001", urgency="urgent", category="school.bag", unit="item") for _ in range(4)])
    keep(database)
    items = client.get("/v1/balance/wanting", headers={"Accept-Language": "en"}).json["items"]
    assert [(item["region"], item["category"], item["weight"]) for item in items] == [
        ("330106", "school.bag", 8), (COUNTY, "food.rice", 4), (COUNTY, "food.oil", 2),
    ]  # fmt: skip
    assert items[0]["text"] == "needs waiting: 4, among them urgent or critical ones"
    within = client.get("/v1/balance/wanting", region="51", category="food").json["items"]
    assert [item["category"] for item in within] == ["food.rice", "food.oil"]
    assert within[0]["text"].startswith("1 项需求待对接")


@pytest.mark.parametrize("query", [{}, {"category": "food"}, {"region": "51", "category": "food"}, {"region": "510903"}])
def test_wanting_list_is_paged_to_its_end(client: Client, database: RolledBack, query: dict[str, str]) -> None:
    book(database, [published(category=f"food.item{number}") for number in range(25) for _ in range(1 + number // 10)])
    keep(database)
    seen, cursor = [], None
    while True:
        page = client.get("/v1/balance/wanting", limit=10, **query, **({"cursor": cursor} if cursor else {})).json
        seen += [(item["weight"], item["category"]) for item in page["items"]]
        cursor = page["next"]
        if not cursor:
            break
    assert len(set(seen)) == len(seen) == 25
    assert [weight for weight, _ in seen] == sorted((weight for weight, _ in seen), reverse=True)
    assert client.get("/v1/balance/wanting", cursor="nonsense").status_code == 422


def test_balance_is_published_once_a_minute_when_changed(database: RolledBack) -> None:
    need = published()
    book(database, [need])
    keep(database)
    assert tell(database) == 4
    events = told(database, BalanceChanged)
    assert {(event.region, event.category) for event in events} == {(region, "food.rice") for region in ("", "51", "5109", COUNTY)}
    assert {(event.version, event.waiting_needs, event.waiting_units, event.typical_days) for event in events} == {(1, 1, 50, None)}
    book(database, [published()])
    keep(database)
    assert tell(database) == 0
    run(database, "UPDATE balance SET told_at = told_at - interval '61 seconds'")
    assert tell(database) == 4
    assert tell(database, 0) == 0
    with database.begin() as session:
        booking.end_needs(session, [withdrawn(need)])
    book(database, [published()])
    keep(database)
    assert tell(database, 0) == 0, "one went, one came: the figures are those that were told"


def test_the_balance_is_told_anew_as_it_was_told(database: RolledBack) -> None:
    book(database, [published(), published(category="food.oil")], [offered(region=COUNTY)])
    keep(database)
    tell(database)
    book(database, [published()])
    keep(database)
    tell(database, 0)
    assert {event.version for event in assert_retold(database, SNAPSHOTS)} == {1, 2}
