"""The sandbox of `make run`: each room of posting, reviewing, choosing and delivering has something in it."""

import io
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console

from deploy.local.client import ApiClient
from deploy.local.sandbox import open_house
from deploy.local.story import read_story

from .conftest import World
from .test_story import eventually

TOWN, COUNTY, CITY = "510921101", "510921", "5109"
COUNTIES = (COUNTY, "510923")
"""The counties of the sandbox. Other tests of the same house post needs elsewhere in the city."""
TERMINAL = 40
"""Lines of the printed story at most."""


class Sandbox:
    """The people of the sandbox, signed in by their password."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._password = json.loads((world.folder / "sandbox.json").read_text())["password"]
        self.guest = world.client()

    def person(self, phone: str) -> ApiClient:
        return self._world.client().sign_in(phone, self._password)

    def own_pledge(self, phone: str) -> dict[str, Any]:
        """Return the pledge that the seed offered for somebody: their first."""
        return list(self.person(phone).every("/v1/pledges/mine"))[-1]


@pytest.fixture
def sandbox(embedded: World) -> Sandbox:
    return Sandbox(embedded)


def of_item(needs: Any, item: str) -> dict[str, Any]:
    return dict(next(need for need in needs if need["category"] == item))


def test_reviewers_of_the_sandbox_have_a_work_list(sandbox: Sandbox) -> None:
    town, county = sandbox.person("13900000004"), sandbox.person("13900000003")
    waiting = list(town.every("/v1/needs/waiting", region=TOWN))
    assert of_item(waiting, "medical.oxygen")["state"] == "confirmed"
    assert {one["likeness"] for one in of_item(waiting, "clothing.quilt")["duplicates"]} == {"same_item", "same_text"}
    assert of_item(waiting, "farming.cornseed")["quantity_unknown"] is True
    returned = list(town.every("/v1/needs/managed", state="returned"))
    assert [(one["category"], one["returned_because"]) for one in returned] == [("household.electricblanket", "unclear")]
    assert county.get("/v1/samples")["items"]
    assert 0.0 in {one["error_rate"] for one in county.get("/v1/reviewers", region=COUNTY)["items"]}
    asked = of_item(town.every("/v1/needs/managed", state="published"), "farming.fertiliser")
    assert [one["kind"] for one in town.get(f"/v1/needs/{asked['id']}/photos")["items"]] == ["consent"]
    assert sandbox.person("13900000005").get("/v1/drafts")["items"][0]["need"]["category"] == "household.heater"


def test_the_hall_of_the_sandbox_shows_stories_and_a_photo(sandbox: Sandbox) -> None:
    hall = [need for county in COUNTIES for need in sandbox.guest.every("/v1/needs", region=county)]
    assert len(hall) > 20
    assert all(need["story"] and need["reason"] is None for need in hall)
    [photo] = sandbox.guest.get(f"/v1/needs/{of_item(hall, 'housing.tiles')['id']}/photos")["items"]
    assert photo["is_public"]
    assert of_item(hall, "money.treatment")["charity"] == "遂宁市示例慈善会"
    assert {"household.tv", "industry.vegetables", "education.schoolbag"} & {need["category"] for need in hall} == set()


def test_needs_of_the_sandbox_end_in_every_way(sandbox: Sandbox) -> None:
    city = sandbox.person("13900000002")
    ended = {one["category"]: one for state in ("expired", "met") for one in city.every("/v1/needs/managed", state=state)}
    assert (ended["industry.vegetables"]["state"], ended["education.schoolbag"]["state"]) == ("expired", "met")
    [hidden] = city.get("/v1/needs/managed", hidden="true")["items"]
    assert (hidden["category"], hidden["allowed"].count("clear_reports")) == ("household.tv", 1)


def test_pledges_of_the_sandbox_are_of_every_kind(sandbox: Sandbox) -> None:
    chosen, used_up, limited, over = (sandbox.own_pledge(f"137000000{number}") for number in ("21", "04", "05", "22"))
    assert (chosen["choose_until"] is not None, chosen["proposed"]) == (True, 0)
    assert (used_up["open"], used_up["accepted"]) == (0, 1)
    assert (limited["best_before"] is not None, limited["limit_per_household"]) == (True, 6)
    offered = {one["id"] for one in sandbox.guest.every("/v1/pledges")}
    assert used_up["id"] not in offered
    assert {chosen["id"], limited["id"]} <= offered
    eventually(lambda: over["id"] not in {one["id"] for one in sandbox.guest.every("/v1/pledges")})
    assert sandbox.person("13700000002").get("/v1/holds")["items"][0]["quantity"] == 1


def test_a_giver_of_the_sandbox_finds_needs_elsewhere_too(sandbox: Sandbox) -> None:
    giver, pledge = sandbox.person("13700000021"), sandbox.own_pledge("13700000021")
    stoves = [need for need in sandbox.guest.every("/v1/needs", region=CITY) if need["category"] == "household.stove"]
    found = [giver.get("/v1/claims/suggestions", need_id=need["id"], pledge_id=pledge["id"]) for need in stoves]
    assert sorted(len(one["items"]) for one in found) == [0, 1]


def test_of_one_delivery_in_the_sandbox_something_came_back(sandbox: Sandbox) -> None:
    [milk] = [one for one in sandbox.person("13700000005").every("/v1/matches") if one["category"] == "food.milk"]
    assert (milk["delivery"]["sent"], milk["delivery"]["received"], milk["delivery"]["difference"]) == (6, 5, "damaged")


def test_the_outbox_of_the_sandbox_shows_each_kind_of_channel(embedded: World) -> None:
    def arrived() -> set[str]:
        found = httpx.get(f"{embedded.telephones}/sandbox/telephones.json", timeout=5, trust_env=False).json()
        return {one["channel"] for one in found["letters"]} | ({"sms"} if found["items"] else set())

    assert eventually(lambda: arrived() >= {"sms", "push", "wechat", "webhook", "wecom"})


def test_the_county_of_the_sandbox_has_terms_of_its_own(sandbox: Sandbox) -> None:
    def terms(region: str) -> dict[str, Any]:
        return of_item(sandbox.guest.get("/v1/catalogue", region=region)["items"], "household.heater")

    assert (terms(COUNTY)["most"], terms(CITY)["most"]) == (2, 3)


def test_sandbox_that_was_not_seeded_to_its_end_says_so(embedded: World, tmp_path: Path) -> None:
    (tmp_path / "sandbox.json").write_text('{"password": "a password", "seeded": false}')
    with pytest.raises(SystemExit, match="make sandbox-reset"):
        open_house(tmp_path, embedded.origin(""), embedded.environment, Console(file=io.StringIO()))


def test_the_printed_story_fits_a_terminal(embedded: World) -> None:
    story = read_story(embedded.folder, embedded.origin(""), "SECRET")
    assert len(story.splitlines()) <= TERMINAL
    assert "虚构" in (embedded.folder / "said").read_text()
    assert (embedded.folder / "needs.csv").read_bytes().decode("gb18030").startswith("猫山村小学（虚构）")
