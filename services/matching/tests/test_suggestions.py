"""Suggestions: a giver who claims a need in a helped village is shown needs in villages without help."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from chassis.data.database import new_id
from chassis.testing.fixtures import Client, Person, RolledBack
from contracts.needs import NeedPublished, PledgeOffered
from matching.intake import actions

from .conftest import DAYS, offered, published

CHOSEN, NEXT, TOWN, COUNTY, CITY, ABROAD = (
    "510903001001", "510903001002", "510903002001", "510904001001", "510722001001", "330102001001",
)  # fmt: skip


class Chooser:
    """A pledger with much to give to the province, looking at a need in a village where somebody was helped already."""

    def __init__(self, client: Client, database: RolledBack) -> None:
        self.client, self.database = client, database
        self.pledge = offered(quantity=10_000, region="51")
        self.person = Person("donor")
        self.person.id = self.pledge.pledger_id
        self.need = published(region=CHOSEN)
        self.hear(self.need, published(region=CHOSEN), self.pledge)

    def hear(self, *events: NeedPublished | PledgeOffered) -> None:
        with self.database.begin() as session:
            actions.book_needs(session, [event for event in events if isinstance(event, NeedPublished)] or [published(region=ABROAD)])
            actions.book_pledges(session, [event for event in events if isinstance(event, PledgeOffered)] or [offered(region=ABROAD)])

    def claim(self, need: NeedPublished) -> None:
        body = {"need_id": str(need.need_id), "pledge_id": str(self.pledge.pledge_id), "quantity": 1}
        assert self.client.post("/v1/claims", body, by=self.person).status_code == 201

    def shown(self, need: NeedPublished | None = None) -> Any:
        need = need or self.need
        answer = self.client.get(f"/v1/claims/suggestions?need_id={need.need_id}&pledge_id={self.pledge.pledge_id}", by=self.person)
        assert answer.status_code == 200, answer.json
        return answer.json

    def matches(self) -> Any:
        return self.client.get("/v1/matches", by=self.person).json["items"]

    def needs_shown(self) -> list[str]:
        return [item["need_id"] for item in self.shown()["items"]]


@pytest.fixture
def chooser(client: Client, database: RolledBack) -> Chooser:
    return Chooser(client, database)


def ids(*needs: NeedPublished) -> list[str]:
    return [str(need.need_id) for need in needs]


def test_unhelped_village_gets_no_other_suggestion(chooser: Chooser) -> None:
    chooser.hear(published(region=NEXT))
    assert chooser.shown() == {"helped": 0, "items": []}


def test_three_nearest_unhelped_villages_are_suggested(chooser: Chooser) -> None:
    far, near, city, county = (published(region=region) for region in (CITY, NEXT, COUNTY, TOWN))
    chooser.hear(far, near, city, county)
    chooser.claim(chooser.need)
    assert chooser.needs_shown() == ids(near, county, city)
    assert chooser.shown()["helped"] == 1


def test_a_village_is_suggested_once_with_its_most_urgent_need(chooser: Chooser) -> None:
    urgent = published(region=NEXT, urgency="critical")
    chooser.hear(published(region=NEXT), urgent)
    chooser.claim(chooser.need)
    assert chooser.needs_shown() == ids(urgent)


def test_helped_village_is_suggested_again_after_a_long_time(chooser: Chooser) -> None:
    helped, waiting = published(region=NEXT), published(region=NEXT)
    chooser.hear(helped, waiting)
    chooser.claim(chooser.need)
    chooser.claim(helped)
    assert chooser.needs_shown() == []
    with chooser.database.begin() as session:
        session.execute(
            text("UPDATE matches SET answered_at = :long_ago WHERE region = :region"),
            {"long_ago": datetime.now(UTC) - 91 * DAYS, "region": NEXT},
        )
    assert chooser.needs_shown()


def test_village_with_only_cancelled_help_is_unhelped(chooser: Chooser) -> None:
    disappointed, waiting = published(region=NEXT), published(region=NEXT)
    chooser.hear(disappointed, waiting)
    chooser.claim(chooser.need)
    chooser.claim(disappointed)
    assert chooser.needs_shown() == []
    [promised] = [item for item in chooser.matches() if item["need_id"] == str(disappointed.need_id)]
    answer = chooser.client.post(f"/v1/matches/{promised['id']}/cancellation", {"reason": "giver_withdrew"}, by=chooser.person)
    assert answer.status_code == 201, answer.json
    assert chooser.needs_shown() == ids(waiting)


def test_what_fits_less_well_is_not_suggested(chooser: Chooser) -> None:
    urgent = published(region=CHOSEN, urgency="urgent")
    less_urgent, other_item, outside = (
        published(region=NEXT),
        published(region=NEXT, category="food.oil", unit="l"),
        published(region=ABROAD),
    )
    chooser.hear(urgent, less_urgent, other_item, outside)
    chooser.claim(chooser.need)
    assert chooser.shown(urgent)["items"] == []


def test_a_need_that_the_pledger_refused_is_not_suggested(chooser: Chooser, database: RolledBack) -> None:
    need = published(region=NEXT)
    chooser.hear(need)
    chooser.claim(chooser.need)
    assert chooser.needs_shown() == ids(need)
    with database.begin() as session:
        columns = "household_id, account_id, poster_id, pledger_id, region, category, unit"
        session.execute(
            text(
                f"INSERT INTO matches (id, version, need_id, pledge_id, {columns},"
                " quantity, state, reasons, barred, proposed_at, answer_by)"
                f" SELECT :id, 2, :need, pledge_id, {columns}, 1, 'refused', '[]', true, now(), now() FROM matches LIMIT 1"
            ),
            {"id": new_id(), "need": need.need_id},
        )
    assert chooser.needs_shown() == []


def test_the_village_is_not_told_before_a_need_is_claimed(chooser: Chooser) -> None:
    chooser.hear(*(published(region=NEXT) for _ in range(3)))
    chooser.claim(chooser.need)
    [item] = chooser.shown()["items"]
    assert item["region"] == NEXT[:9]
    assert item["text"] == "本乡镇的这项需求同样合适，那里的村子近期还没有得到帮助"


def test_only_who_pledged_is_shown_suggestions(chooser: Chooser, client: Client) -> None:
    asked = f"/v1/claims/suggestions?need_id={chooser.need.need_id}&pledge_id={chooser.pledge.pledge_id}"
    assert client.get(asked, by=Person("donor")).json["code"] == "unknown_pledge"
    assert client.get(asked, by=Person("household")).status_code == 403
    assert client.get(asked).status_code == 401
    unknown = f"/v1/claims/suggestions?need_id={new_id()}&pledge_id={chooser.pledge.pledge_id}"
    assert client.get(unknown, by=chooser.person).json["code"] == "unknown_need"


def test_the_needs_of_an_area_come_from_an_index(database: RolledBack) -> None:
    in_area = "category = 'food.rice' AND unit = 'kg' AND region >= '5109' AND region < '5109~' AND open"
    with database.begin() as session:
        session.execute(text("SET LOCAL enable_seqscan = off"))
        assert "needs_area" in "".join(session.scalars(text(f"EXPLAIN SELECT id FROM needs WHERE {in_area}")))
