"""Rates for the public: counties and wider, months that are over, no figures of few people."""

from datetime import UTC, date, datetime, timedelta

import pytest

from chassis.testing.fixtures import Client, Person, RolledBack
from chassis.testing.twins import unguarded
from contracts.event import Event
from contracts.matching import AppealLodged, DisputeOpened
from contracts.needs import NeedClosed
from insight import figures
from insight.days import day_of, end_of_month, month_of, today
from insight.queries import Period

from .conftest import CITY, COUNTY, TOWN, VILLAGE, accepted, ask, event, giver, need, publish, refused


@pytest.mark.parametrize("who", [None, Person("donor"), Person("staff"), Person("household")])
def test_the_public_sees_no_region_below_a_county(client: Client, counts: None, who: Person | None) -> None:
    for region in ("", "51", CITY, COUNTY):
        assert ask(client, who, region=region)["shown"] == "public"
    for region in (TOWN, VILLAGE):
        assert refused(client, who, region=region) == (404, "not_found")
    assert ask(client, who, region=COUNTY)["ranking"] == []
    assert [one["region"] for one in ask(client, who, region=CITY)["ranking"]] == [COUNTY]


def test_the_public_sees_whole_months_without_small_counts(client: Client, counts: None) -> None:
    answer = ask(client, region=COUNTY, since="2026-03-10", until="2026-03-12")
    assert (answer["since"], answer["until"], answer["by"]) == ("2026-03-01", "2026-03-31", "month")
    figures = ask(client, region=CITY)["figures"]
    assert (figures["needs"], figures["helped"], figures["registered"], figures["active"]) == (10, 10, None, None)
    assert (figures["match_rate"]["weighted"], figures["share"]["of_fen"], figures["use_rate"]["rate"]) == (0.0, None, None)


@pytest.mark.parametrize("by_default", [True, False])
def test_the_public_sees_only_months_that_are_over(client: Client, database: RolledBack, city: Person, by_default: bool) -> None:
    month = month_of(today())
    ended = month - timedelta(1)
    publish(database, [need(f"{day} {one}", str(day)) for day in (month, ended) for one in range(10)])
    asked = {} if by_default else {"since": str(ended), "until": str(end_of_month(month))}
    answer = client.get("/v1/rates", region=COUNTY, **asked).json
    assert (answer["until"], answer["figures"]["needs"], answer["series"][-1]["start"]) == (str(ended), 10, str(month_of(ended)))
    assert answer["before"]["until"] == str(date.fromisoformat(answer["since"]) - timedelta(1))
    assert client.get("/v1/rates", by=city, region=COUNTY, **asked).json["figures"]["needs"] == 20


def test_only_administrators_see_disputes_and_appeals(client: Client, database: RolledBack, city: Person) -> None:
    publish(database, [event(DisputeOpened, dispute_id=f"d{one}", region=VILLAGE, opened_at="2026-03-02") for one in range(20)])
    publish(database, [event(AppealLodged, appeal_id=f"a{one}", region=VILLAGE, lodged_at="2026-03-02") for one in range(10)])
    shown = [ask(client, who, region=CITY)["figures"] for who in (city, None)]
    names = ("disputes", "disputes_open", "appeals", "appeals_open")
    assert [[figures[name] for name in names] for figures in shown] == [[20, 20, 10, 10], [None] * 4]


def test_the_running_month_is_refused_to_the_public(client: Client, city: Person) -> None:
    running = {"since": str(month_of(today())), "until": str(today())}
    assert refused(client, **running) == (422, "no_month_over")
    assert refused(client, since=str(today() + timedelta(40)), until=str(today() + timedelta(50))) == (422, "no_month_over")
    assert ask(client, city, region=CITY, **running)["until"] == running["until"]


@pytest.mark.parametrize(("moment", "month"), [("2026-03-31T15:59:59", "2026-02-28"), ("2026-03-31T16:00:00", "2026-03-31")])
def test_a_month_is_over_at_midnight_in_shanghai(moment: str, month: str) -> None:
    period = Period(date(2026, 1, 10), date(2026, 4, 5), "day")
    day = day_of(datetime.fromisoformat(moment).replace(tzinfo=UTC))
    assert period.finished_months(day) == Period(date(2026, 1, 1), date.fromisoformat(month), "month")


WITHHELD = dict.fromkeys(("government", "society", "donor", "organisation", "merchant", "volunteer", "of_fen"))


def helped(number: int, by: str, quantity: int = 10) -> list[Event]:
    """Make needs of ten units, each with a match of that quantity by one giver of that kind."""
    needs = [need(f"{by} {one}", "2026-03-02") for one in range(number)]
    return [giver(by, "2026-02-01", by), *needs, *(accepted(f"of {one.need_id}", one, by, "2026-03-03", quantity) for one in needs)]


def closed_elsewhere(name: str) -> NeedClosed:
    return event(NeedClosed, need_id=name, version=3, region=VILLAGE, reason="met_elsewhere", closed_at="2026-03-05")


def met_elsewhere(number: int) -> list[Event]:
    names = [f"else {one}" for one in range(number)]
    return [*(need(name, "2026-03-02") for name in names), *map(closed_elsewhere, names)]


@pytest.mark.parametrize(
    "few",
    [
        5,
        unguarded(1, "without the bound, shares of few needs are shown"),
    ],
)
@pytest.mark.parametrize(
    "events",
    [
        [*helped(1, "donor"), *met_elsewhere(4)],
        [*helped(20, "donor"), *met_elsewhere(4)],
        [*helped(20, "donor", 9), closed_elsewhere("donor 0")],
        helped(4, "donor"),
    ],
    ids=["few on both sides", "few met elsewhere", "one need the rest of which was met elsewhere", "few helped"],
)
def test_shares_of_few_needs_are_withheld_from_the_public(
    client: Client, database: RolledBack, city: Person, monkeypatch: pytest.MonkeyPatch, events: list[Event], few: int
) -> None:
    monkeypatch.setattr(figures, "FEW", few)
    publish(database, events)
    assert ask(client, region=COUNTY)["figures"]["share"] == WITHHELD
    assert None not in ask(client, city, region=COUNTY)["figures"]["share"].values()


def test_one_kind_with_few_needs_withholds_all_kinds_of_society(client: Client, database: RolledBack, city: Person) -> None:
    publish(database, [*helped(16, "donor"), *helped(4, "merchant")])
    assert ask(client, region=COUNTY)["figures"]["share"] == WITHHELD | {"government": 0, "society": 1}
    assert ask(client, city, region=COUNTY)["figures"]["share"]["merchant"] == 0.2
    more = need("more", "2026-03-02")
    publish(database, [more, accepted("of more", more, "merchant", "2026-03-03")])
    share = ask(client, region=COUNTY)["figures"]["share"]
    assert (share["donor"], share["merchant"], share["volunteer"], share["of_fen"]) == (0.76, 0.24, 0, None)


def test_differences_of_answers_do_not_reveal_a_single_need(client: Client, counts: None, database: RolledBack) -> None:
    shown = [ask(client, region=COUNTY)["figures"]["needs"]]
    for number in range(4):
        publish(database, [need(f"more {number}", "2026-03-20")])
        shown.append(ask(client, region=COUNTY)["figures"]["needs"])
    assert all(count % 5 == 0 for count in shown)
    assert len(set(shown)) < len(shown)
