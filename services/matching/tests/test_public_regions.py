"""Answers to givers and guests tell no region that is finer than the one the hall shows, neither by what they say nor by yes and no."""

from typing import Any

import pytest
from sqlalchemy import text

from chassis.data import k_anonymity
from chassis.testing.fixtures import Client, Person, RolledBack
from contracts.matching import MatchProposed
from contracts.needs import NeedPublished, PledgeOffered
from matching.book.model import Need, Pledge
from matching.intake import actions as intake
from matching.matches import rules
from matching.matches.actions import claims
from matching.refusals import rules as refusals
from matching.refusals.api import PLACES

from .conftest import VILLAGE, changed, clear, offered, published, told
from .test_balance import asked, book, keep

NEXT_VILLAGE, OTHER_TOWN = VILLAGE[:9] + "002", VILLAGE[:6] + "002001"
TOWN, COUNTY = VILLAGE[:9], VILLAGE[:6]


def twin(reason: str) -> Any:
    """Mark a parameter that takes the guard out; the test must fail with it."""
    return pytest.mark.xfail(strict=True, raises=AssertionError, reason=reason)


@pytest.mark.parametrize(
    ("scope", "finest"),
    [
        *((scope, 9) for scope in ("", "51", COUNTY, TOWN, VILLAGE)),
        pytest.param(TOWN, 12, marks=twin("without the limit it is the village")),
    ],
)
def test_a_rule_names_no_region_finer_than_its_match(
    client: Client, database: RolledBack, monkeypatch: pytest.MonkeyPatch, scope: str, finest: int
) -> None:
    if finest == 12:
        monkeypatch.setattr(refusals, "AREA_LENGTHS", (6, 9, 12))
        monkeypatch.setitem(PLACES["zh-CN"], 12, "村")
    giver = Person("donor")
    book(database, [published(quantity=5)], [offered(region=scope, pledger_id=giver.id)])
    clear(database)
    path = f"/v1/matches/{told(database, MatchProposed)[-1].match_id}"
    shown = client.get(path, by=giver).json["region"]
    assert shown == TOWN
    assert client.post(f"{path}/refusal", {"reason": "too_far"}, by=giver).status_code == 201
    assert all(shown.startswith(lesson["region"]) for lesson in client.get("/v1/lessons", by=giver).json["items"])


@pytest.mark.parametrize("is_cut", [True, pytest.param(False, marks=twin("without the cut a village's pledge tells by its proposals"))])
def test_pledges_to_villages_of_a_township_are_alike(database: RolledBack, monkeypatch: pytest.MonkeyPatch, is_cut: bool) -> None:
    monkeypatch.setattr(intake, "NARROWEST", 9 if is_cut else 12)
    first, moved = offered(region=NEXT_VILLAGE, quantity=5), offered(region="51", quantity=5)
    book(database, pledges=[first, moved])
    with database.begin() as session:
        intake.change_pledge(session, changed(moved, region=f"{TOWN}003"))
    book(database, [published(quantity=5), published(quantity=5)])
    clear(database)
    assert {event.pledge_id for event in told(database, MatchProposed)} == {first.pledge_id, moved.pledge_id}


@pytest.mark.parametrize("households", [1, 5])
@pytest.mark.parametrize(
    "is_masked", [True, pytest.param(False, marks=twin("without the mask yes and no tell the township or the village"))]
)
def test_claims_answer_alike_within_the_shown_region(
    client: Client, database: RolledBack, monkeypatch: pytest.MonkeyPatch, households: int, is_masked: bool
) -> None:
    if not is_masked:
        monkeypatch.setattr(claims, "public_region", lambda region, townships: region)
    need, giver = published(quantity=50), Person("donor")
    scopes = [TOWN, OTHER_TOWN[:9]] if households < 5 else [VILLAGE, NEXT_VILLAGE]
    pledges = [offered(pledger_id=giver.id, quantity=9) for _ in scopes]
    book(database, [need, *(published(category="food.oil", unit="l") for _ in range(households - 1))], pledges)
    for pledge, scope in zip(pledges, scopes, strict=True):
        set_scope(database, pledge, scope)

    def claim(quantity: int) -> list[tuple[int, str]]:
        found = [claimed(client, giver, need, pledge, quantity) for pledge in pledges]
        return [(answer.status_code, answer.json.get("code", "")) for answer in found]

    assert claim(90) == [(409, "not_enough")] * 2
    assert claim(5) == [(422, "does_not_fit")] * 2


def test_a_claim_fits_the_township_that_the_hall_shows(client: Client, database: RolledBack) -> None:
    need, giver = published(quantity=50), Person("donor")
    pledge = offered(pledger_id=giver.id, region=TOWN)
    book(database, [need, *(published(category="food.oil", unit="l") for _ in range(4))], [pledge])
    assert claimed(client, giver, need, pledge, 5).status_code == 201


def test_claim_does_not_fit_a_township_of_institutions(client: Client, database: RolledBack) -> None:
    need, giver = published(quantity=50), Person("donor")
    pledge = offered(pledger_id=giver.id, region=TOWN)
    asked = [published(category="food.oil", unit="l", of_institution=number > 0) for number in range(4)]
    book(database, [need, *asked], [pledge])
    assert claimed(client, giver, need, pledge, 5).json["code"] == "does_not_fit"


@pytest.mark.parametrize("fewest", [5, pytest.param(1, marks=twin("without the crowd the township is shown"))])
def test_figures_of_a_township_with_few_households_are_hidden(
    client: Client, database: RolledBack, monkeypatch: pytest.MonkeyPatch, fewest: int
) -> None:
    monkeypatch.setattr(k_anonymity, "FEWEST_HOUSEHOLDS", fewest)
    helped = [published(quantity=1) for _ in range(2)]
    twice = published(category="food.oil", unit="l")
    again = published(category="food.oil", unit="l", household_id=twice.household_id)
    book(database, helped, [offered(region=TOWN, quantity=2), offered(region=TOWN, quantity=9)])
    clear(database)
    for event in told(database, MatchProposed):
        client.post(f"/v1/matches/{event.match_id}/acceptance", by=giver_of(event))
    book(database, [twice, again, published(category="food.oil", unit="l")])
    keep(database)
    county, town = asked(client, region=COUNTY, category="food"), asked(client, region=TOWN, category="food")
    assert (county["waiting_needs"], county["typical_days"]["of"]) == (3, 2)
    assert (town["waiting_needs"], town["typical_days"]) == (0, {"median": None, "of": 0})
    assert (town["open_pledges"], [unit["waiting_units"] for unit in town["units"]]) == (county["open_pledges"], [0])
    fifth = published(category="food.oil", unit="l", region=NEXT_VILLAGE)
    book(database, [fifth])
    keep(database)
    assert asked(client, region=TOWN, category="food")["waiting_needs"] == 4


@pytest.mark.parametrize("fewest", [5, pytest.param(1, marks=twin("without the crowd the township is shown"))])
def test_suggestions_show_the_county_of_few_households(
    client: Client, database: RolledBack, monkeypatch: pytest.MonkeyPatch, fewest: int
) -> None:
    monkeypatch.setattr(k_anonymity, "FEWEST_HOUSEHOLDS", fewest)
    giver = Person("donor")
    chosen, pledge = published(), offered(pledger_id=giver.id, region="51", quantity=1)
    book(database, [chosen, published(region=NEXT_VILLAGE), published(region=OTHER_TOWN)], [pledge])
    assert claimed(client, giver, chosen, pledge, 1).status_code == 201
    asked_ = {"need_id": str(chosen.need_id), "pledge_id": str(pledge.pledge_id)}
    items = client.get("/v1/claims/suggestions", by=giver, **asked_).json["items"]
    assert {(item["region"], item["nearness"]) for item in items} == {(COUNTY, "county")}
    for scope in (TOWN, OTHER_TOWN[:9]):
        set_scope(database, pledge, scope)
        assert client.get("/v1/claims/suggestions", by=giver, **asked_).json["items"] == []


def test_a_wide_claim_needs_no_township(database: RolledBack) -> None:
    need = Need(region=VILLAGE, category="food.rice", unit="kg")
    fits = {scope: rules.pledge_fits(need, Pledge(scope=scope, category="food", unit="kg"), COUNTY) for scope in ("", "51", COUNTY, TOWN)}
    assert fits == {"": True, "51": True, COUNTY: True, TOWN: False}


def claimed(client: Client, giver: Person, need: NeedPublished, pledge: PledgeOffered, quantity: int) -> Any:
    body = {"need_id": str(need.need_id), "pledge_id": str(pledge.pledge_id), "quantity": quantity}
    return client.post("/v1/claims", body, by=giver)


def set_scope(database: RolledBack, pledge: PledgeOffered, scope: str) -> None:
    with database.begin() as session:
        session.execute(text("UPDATE pledges SET scope = :scope WHERE id = :id"), {"scope": scope, "id": pledge.pledge_id})


def giver_of(event: MatchProposed) -> Person:
    giver = Person("donor")
    giver.id = event.pledger_id
    return giver
