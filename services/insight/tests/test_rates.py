"""Rates of a region and a period, for administrators and others."""

import csv
import io

import pytest

from chassis.testing.fixtures import Client, Person, RolledBack
from contracts import regions
from contracts.needs import CatalogueChanged, NeedClosed, NeedExpired, NeedMet, PledgeOffered
from contracts.users import UserRegistered
from insight.table import escape_formula
from insight.values import JOB, UNLISTED, load_values, value_of

from .conftest import (
    CITY,
    COUNTY,
    GLOVES_FEN,
    MARCH,
    OTHER_VILLAGE,
    RICE_FEN,
    TOWN,
    VILLAGE,
    WHEELCHAIR_FEN,
    accepted,
    ask,
    delivery,
    event,
    giver,
    need,
    publish,
    refused,
)


def test_small_needs_raise_the_raw_rate_but_not_the_weighted_one(client: Client, counts: None, city: Person) -> None:
    rate = ask(client, city, region=CITY)["figures"]["match_rate"]
    assert rate == {
        "raw": round(10 / 11, 4),
        "weighted": round(10 * GLOVES_FEN / (10 * GLOVES_FEN + 4 * WHEELCHAIR_FEN), 4),
        "delivered": 0.0,
        "of": 11,
    }


def test_every_rate_has_its_denominator(client: Client, counts: None, city: Person) -> None:
    answer = ask(client, city, region=CITY, by="week")
    for row in (answer["figures"], answer["before"], *answer["series"], *answer["ranking"]):
        assert set(row["match_rate"]) == {"raw", "weighted", "delivered", "of"}
        assert {"of"} < set(row["use_rate"])
        assert {"of"} < set(row["days_to_match"])
        assert {"of_fen"} < set(row["share"])


def test_days_to_match_are_a_median_and_a_90th_percentile(client: Client, counts: None, city: Person) -> None:
    assert ask(client, city, region=CITY)["figures"]["days_to_match"] == {"median": 5, "p90": 10, "of": 10}


def test_the_use_rate_is_active_over_registered_people(client: Client, counts: None, city: Person) -> None:
    figures = ask(client, city, region=CITY)["figures"]
    assert (figures["registered"], figures["registered_by_then"], figures["active"]) == (1, 2, 1)
    assert figures["use_rate"] == {"rate": 0.5, "of": 2}


def test_staff_count_neither_as_registered_nor_as_active(client: Client, database: RolledBack, city: Person) -> None:
    agent = event(UserRegistered, user_id="poster of rice", kind="staff", region=CITY, registered_at="2026-03-01")
    publish(database, [agent, need("rice", "2026-03-02")])
    figures = ask(client, city, region=CITY)["figures"]
    assert (figures["registered"], figures["active"], figures["needs"]) == (0, 0, 1)


def test_shares_are_those_of_government_and_society(client: Client, database: RolledBack, city: Person) -> None:
    one, other = need("one", "2026-03-02"), need("other", "2026-03-02", quantity=30)
    closed = event(NeedClosed, need_id="other", version=3, region=VILLAGE, reason="met_elsewhere", closed_at="2026-03-05")
    shop = giver("shop", "2026-03-01", "merchant", "5107")
    publish(database, [one, other, closed, shop, accepted("m", one, "shop", "2026-03-03")])
    share = ask(client, city, region=CITY)["figures"]["share"]
    assert share == {
        "government": 0.75, "society": 0.25, "donor": 0, "organisation": 0, "merchant": 0.25, "volunteer": 0, "of_fen": 40 * RICE_FEN
    }  # fmt: skip


def test_expired_and_met_needs_do_not_count_as_closed(client: Client, database: RolledBack, city: Person) -> None:
    needs = [need(name, "2026-03-02") for name in ("expired", "met", "closed")]
    ends = [
        event(NeedExpired, need_id="expired", version=3, region=VILLAGE, expired_at="2026-03-05"),
        event(NeedMet, need_id="met", version=3, region=VILLAGE, met_at="2026-03-05"),
        event(NeedClosed, need_id="closed", version=3, region=VILLAGE, reason="other", closed_at="2026-03-05"),
    ]
    publish(database, [*needs, *ends])
    figures = ask(client, city, region=CITY)["figures"]
    assert (figures["needs"], figures["closed"], figures["withdrawn"]) == (3, 1, 0)


def test_regions_below_are_ranked_by_the_weighted_rate(client: Client, counts: None, city: Person) -> None:
    ranking = ask(client, city, region=TOWN[:6])["ranking"]
    assert [(one["rank"], one["region"], one["match_rate"]["raw"]) for one in ranking] == [(1, TOWN, 1.0), (2, OTHER_VILLAGE[:9], 0.0)]
    assert ask(client, city, region=VILLAGE)["ranking"] == []


def test_buckets_add_up_and_the_period_before_is_as_long(client: Client, counts: None, city: Person) -> None:
    for by, buckets in (("day", 31), ("week", 6), ("month", 1)):
        answer = ask(client, city, region=CITY, by=by)
        assert len(answer["series"]) == buckets
        assert sum(bucket["needs"] for bucket in answer["series"]) == answer["figures"]["needs"] == 11
    assert (answer["before"]["since"], answer["before"]["until"]) == ("2026-02-01", "2026-02-28")
    assert answer["trend"] == {
        "registered": 0,
        "active": None,
        "needs": None,
        "helped": None,
        "raw": None,
        "weighted": None,
        "delivered": None,
    }
    assert ask(client, city, region=CITY, since="2026-03-10")["before"]["since"] == "2026-02-16"


def test_april_is_compared_with_march(client: Client, counts: None, database: RolledBack, city: Person) -> None:
    needs = [need(f"april {number}", "2026-04-02") for number in range(22)]
    publish(database, [*needs, *(accepted(f"of {one.need_id}", one, "donor", "2026-04-03") for one in needs[:11])])
    trend = ask(client, city, region=CITY, since="2026-04-01", until="2026-04-30")["trend"]
    assert (trend["needs"], trend["helped"], trend["raw"]) == (1.0, 0.1, round(0.5 - 0.9091, 4))


def test_only_confirmed_quantities_count_as_delivered(client: Client, counts: None, database: RolledBack, city: Person) -> None:
    large = need("large", "2026-03-03", OTHER_VILLAGE, category="food.rice", quantity=100, version=3)
    other = need("other", "2026-03-04", OTHER_VILLAGE, category="food.rice", quantity=100)
    publish(database, [large, other, *delivery("a", other, sent=80, received=60), *delivery("b", other, sent=20, received=None)])
    figures = ask(client, city, region=CITY)["figures"]
    assert (figures["helped"], figures["delivered"]) == (11, 1)
    weights = 10 * GLOVES_FEN + 4 * WHEELCHAIR_FEN + 100 * RICE_FEN
    assert figures["match_rate"]["delivered"] == round(60 * RICE_FEN / weights, 4)


def test_a_delivered_rate_of_few_needs_is_withheld(client: Client, counts: None, database: RolledBack, city: Person) -> None:
    for number in range(10):
        [small] = [need(f"small {number}", "2026-03-02", category="medical.gloves", quantity=1)]
        publish(database, delivery(f"match {number}", small, sent=1, received=1))
        if number in {3, 9}:
            seen = ask(client, region=CITY)["figures"]
            assert (seen["delivered"] is None, seen["match_rate"]["delivered"] is None) == ((number == 3,) * 2)
    assert ask(client, city, region=CITY)["figures"]["delivered"] == 10


def test_administrators_see_all_figures_of_their_regions_only(client: Client, counts: None, village: Person) -> None:
    own = ask(client, village, region=VILLAGE, by="day")
    assert (own["shown"], own["figures"]["needs"]) == ("region", 10)
    assert ask(client, village, region=COUNTY)["shown"] == "public"
    assert refused(client, village, region=OTHER_VILLAGE) == (404, "not_found")
    assert refused(client, village, region=COUNTY, by="day") == (422, "months_only")


def test_a_region_without_events_has_zeros_and_no_rates(client: Client, city: Person) -> None:
    figures = ask(client, city, region=CITY)["figures"]
    assert (figures["needs"], figures["match_rate"]["raw"], figures["days_to_match"]["median"]) == (0, None, None)


def test_the_table_has_headings_in_both_languages(client: Client, counts: None, city: Person) -> None:
    answer = client.get("/v1/rates/csv", by=city, region=CITY, **MARCH)
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.data.startswith("\ufeff类别,区划代码,区划名称".encode())
    english = client.get("/v1/rates/csv", by=city, headers={"Accept-Language": "en"}, region=CITY, **MARCH).text
    rows = list(csv.DictReader(io.StringIO(english.removeprefix("\ufeff"))))
    assert [row["part"] for row in rows] == ["total", "period before", "by period", "regions below"]
    total = ask(client, city, region=CITY)["figures"]
    assert (rows[0]["needs"], rows[0]["match rate, raw"]) == ("11", str(total["match_rate"]["raw"]))
    assert (rows[0]["delivered rate"], rows[3]["region"]) == ("0.0", COUNTY)
    assert (rows[0]["region name"], rows[3]["region name"]) == ("遂宁市", "船山区")
    assert float(rows[0]["reference value in yuan"]) == total["share"]["of_fen"] / 100


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@sum", "\t=1", "\r=1"])
def test_text_that_looks_like_a_formula_is_escaped(text: str) -> None:
    assert escape_formula(text) == f"'{text}"
    assert (escape_formula("5109"), escape_formula(-0.5), escape_formula(None)) == ("5109", -0.5, None)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"since": "2026-04-01"}, "wrong_period"),
        ({"since": "2020-01-01"}, "wrong_period"),
        ({"since": "yesterday"}, "invalid"),
        ({"until": "2026-02-30"}, "invalid"),
        ({"region": "99"}, "invalid"),
        ({"region": "5109;"}, "invalid"),
        ({"by": "year"}, "invalid"),
        ({"surprise": "1"}, "invalid"),
    ],
)
def test_an_invalid_question_is_refused(client: Client, query: dict[str, str], code: str) -> None:
    assert refused(client, **query) == (422, code)


def test_a_period_at_the_limits_of_the_calendar_is_refused(client: Client, city: Person) -> None:
    for since, until in (("0001-01-01", "0001-02-01"), ("9999-12-01", "9999-12-31")):
        assert refused(client, city, since=since, until=until) == (422, "invalid")


def test_a_pledge_alone_makes_a_person_active(client: Client, database: RolledBack, city: Person) -> None:
    offer = event(PledgeOffered, pledge_id="p", pledger_id="donor", version=1, offered_at="2026-03-04")
    publish(database, [giver("donor", "2026-03-01"), offer])
    assert ask(client, city, region=CITY)["figures"]["active"] == 1


def test_need_is_worth_its_reference_value_up_to_a_cap(database: RolledBack) -> None:
    asked = ["food.rice", "employment.job", "money.living", "spaceship"]
    with database.begin() as session:
        assert load_values(session, asked) == dict(zip(asked, (RICE_FEN, JOB, 1, UNLISTED), strict=True))
    assert (value_of(1, 10**9), value_of(800_000, 2), value_of(UNLISTED, 1)) == (1_000_000, 1_000_000, 2_000)


def test_price_of_the_catalogue_is_the_value_of_later_needs(client: Client, database: RolledBack, city: Person) -> None:
    rice = {"category": "food.rice", "unit": "kg", "kind": "goods"}
    dearer, late = (event(CatalogueChanged, item_id="rice", **rice, version=version, price=price) for version, price in ((3, 900), (2, 1)))
    group = event(CatalogueChanged, item_id="food", category="food", unit=None, version=1, price=None)
    publish(database, [giver("donor", "2026-02-01"), before := need("before", "2026-03-02"), dearer, late, group])
    publish(database, [after := need("after", "2026-03-02")])
    publish(database, [accepted(f"of {one.need_id}", one, "donor", "2026-03-03") for one in (before, after)])
    assert ask(client, city, region=CITY)["figures"]["share"]["of_fen"] == 10 * RICE_FEN + 10 * 900


def test_removed_items_and_villages_count_under_their_codes(client: Client, database: RolledBack, city: Person) -> None:
    gone = f"{TOWN}999"
    assert not regions.known(gone)
    one = need("gone", "2026-03-02", gone, category="food.caviar", quantity=2)
    publish(database, [giver("donor", "2026-02-01"), one, accepted("m", one, "donor", "2026-03-03")])
    [ranked] = ask(client, city, region=TOWN)["ranking"]
    assert (ranked["region"], ranked["needs"], ranked["share"]["of_fen"]) == (gone, 1, 2 * UNLISTED)
