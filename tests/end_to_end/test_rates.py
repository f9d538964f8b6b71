"""Rates follow what people do, and are rebuilt by republishing when insight lost them."""

import time
from typing import Any

import psycopg
import pytest

from deploy.local.client import ApiClient

from .conftest import World
from .test_story import CITY, TOWN, Cast, eventually, pledge, proposed, published

FORGOTTEN = "TRUNCATE people, households, acts, needs, matches, objections, stale, own, totals"


def rates(who: ApiClient, region: str = TOWN) -> dict[str, Any]:
    found: dict[str, Any] = who.get("/v1/rates", region=region, by="day")
    return found


def test_township_rates_follow_a_need_from_posting_to_match(world: World) -> None:
    cast = Cast(world)
    before = eventually(lambda: rates(cast.town))["figures"]
    cast.donor.post("/v1/pledges", pledge(category="medical.gown", quantity=4))
    need = published(cast, category="medical.gown", quantity=4)
    eventually(lambda: rates(cast.town)["figures"]["needs"] == before["needs"] + 1)
    assert rates(cast.town)["figures"]["helped"] == before["helped"]
    cast.donor.post(f"/v1/matches/{proposed(cast.donor, need)['id']}/acceptance")
    eventually(lambda: rates(cast.town)["figures"]["helped"] == before["helped"] + 1)
    after = rates(cast.town)["figures"]
    assert after["match_rate"]["raw"] == round(after["helped"] / after["needs"], 4)
    assert (after["delivered"], after["match_rate"]["of"]) == (before["delivered"], after["needs"])
    assert after["match_rate"]["delivered"] <= (before["match_rate"]["delivered"] or 0)
    assert world.client().get("/v1/rates", region=TOWN[:6])["shown"] == "public"


@pytest.mark.timeout(300)
def test_insight_rebuilt_by_republishing_shows_the_same_figures(stacked: World) -> None:
    cast = Cast(stacked)
    cast.donor.post("/v1/pledges", pledge(category="medical.bootie", quantity=4))
    need = published(cast, category="medical.bootie", quantity=4)
    cast.donor.post(f"/v1/matches/{proposed(cast.donor, need)['id']}/acceptance")
    eventually(lambda: rates(cast.city, CITY)["figures"]["helped"] >= 1)
    eventually(lambda: settled(cast.city))
    before = rates(cast.city, CITY)
    with psycopg.connect(stacked.environment["INSIGHT_DATABASE_URL"].replace("+psycopg", "")) as database:
        database.execute(FORGOTTEN)
    assert rates(cast.city, CITY)["figures"]["needs"] == 0
    for producer in ("matching", "needs", "users"):
        stacked.command("chassis.retell", producer, "--to", "insight")
    eventually(lambda: rates(cast.city, CITY) == before, 60)


def settled(who: ApiClient) -> bool:
    """Return True when the figures stay the same for two rounds of the timer."""
    before = rates(who, CITY)
    time.sleep(3)
    return rates(who, CITY) == before
