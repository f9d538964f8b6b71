"""Rules of needs and pledges, without a database."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from chassis.data.database import new_id
from chassis.http.auth import Caller
from needs.model import Need, Pledge
from needs.rules import (
    NEED_RULES,
    acts_on_need,
    acts_on_pledge,
    find_need_problem,
    find_pledge_problem,
    find_validity_problem,
    offers_more,
    open_quantity,
    view_of,
)  # fmt: skip

from .conftest import VILLAGE

TOWN = VILLAGE[:9]
NOW = datetime(2026, 3, 1, tzinfo=UTC)
POSTER, ACCOUNT, CONFIRMER = new_id(), new_id(), new_id()


def caller(*regions: str, person: UUID | None = None) -> Caller:
    """A caller who manages these regions. Their session is bound to no database."""
    made = Caller(person or new_id(), "staff" if regions else "donor", Session())
    vars(made).update(regions=list(regions), audited_regions=[])
    return made


def need(state: str) -> Need:
    return Need(state=state, region=VILLAGE, poster_id=POSTER, account_id=ACCOUNT, confirmed_by=CONFIRMER)


def pledge(**changes: Any) -> Pledge:
    return Pledge(**{"quantity": 100, "accepted": 30, "proposed": 20, "withdrawn": False, "resting": False} | changes)


@pytest.mark.parametrize(
    ("who", "view"),
    [
        (None, "public"),
        (caller(), "public"),
        (caller("510923"), "public"),
        (caller(person=POSTER), "public"),
        (caller(VILLAGE), "region"),
        (caller(""), "region"),
        (caller(VILLAGE, person=POSTER), "own"),
        (caller(person=ACCOUNT), "own"),
    ],
)
def test_a_view_depends_on_side_and_region(who: Caller | None, view: str) -> None:
    assert view_of(who, need("published")) == view


@pytest.mark.parametrize("act", NEED_RULES)
def test_stranger_learns_nothing_of_a_need(act: str) -> None:
    for stranger in (caller(), caller("510923"), caller(person=POSTER)):
        problem = find_need_problem(act, stranger, need("posted"), {})
        assert problem is not None
        assert problem.code == "not_found"
    assert acts_on_need(None, need("published"), {}) == []


def test_refused_acts_name_the_state_that_is_in_their_way() -> None:
    closed = find_need_problem("close_need", caller(VILLAGE), need("closed"), {})
    withdrawn = find_pledge_problem(caller(person=ACCOUNT), pledge(pledger_id=ACCOUNT, withdrawn=True))
    assert closed is not None
    assert withdrawn is not None
    assert (closed.details, withdrawn.details) == ({"state": "closed"}, {"state": "withdrawn"})


JUDGE = ["verify_need", "return_need", "reject_need"]
SIDE = ["amend_need", "withdraw_need"]
OF_SIDE = {"posted": SIDE, "confirmed": ["withdraw_need"], "returned": SIDE}


@pytest.mark.parametrize(
    ("who", "by_state"),
    [
        (caller(person=ACCOUNT), OF_SIDE | {"published": ["withdraw_need", "renew_need"]}),
        (caller(VILLAGE, person=POSTER), OF_SIDE | {"published": ["withdraw_need", "renew_need", "close_need"]}),
        (caller(VILLAGE), {"posted": JUDGE, "published": ["close_need"]}),
        (caller(TOWN), {"posted": JUDGE, "published": ["close_need"]}),
        (caller(TOWN[:6]), {"posted": JUDGE, "confirmed": JUDGE, "published": ["close_need"]}),
        (caller(TOWN, TOWN[:2]), {"posted": JUDGE, "confirmed": JUDGE, "published": ["close_need"]}),
        (caller(TOWN[:6], person=CONFIRMER), {"posted": JUDGE, "published": ["close_need"]}),
        (caller(TOWN[:6], person=POSTER), OF_SIDE | {"published": ["withdraw_need", "renew_need", "close_need"]}),
        (caller("510923"), {}),
        (caller(), {}),
        (None, {}),
    ],
)
@pytest.mark.parametrize("state", ["posted", "confirmed", "returned", "published", "rejected", "withdrawn", "closed", "expired", "met"])
def test_acts_on_a_need_depend_on_its_state(who: Caller | None, by_state: dict[str, list[str]], state: str) -> None:
    assert acts_on_need(who, need(state), {}) == by_state.get(state, [])


@pytest.mark.parametrize(
    ("who", "managers", "acts"),
    [
        (caller(VILLAGE), {TOWN: {new_id()}}, []),
        (caller(VILLAGE), {TOWN: {POSTER}}, JUDGE),
        (caller(VILLAGE), {TOWN[:6]: {new_id()}}, JUDGE),
        (caller(TOWN), {TOWN: {new_id()}}, JUDGE),
        (caller(VILLAGE, TOWN), {TOWN: {new_id()}}, JUDGE),
    ],
)
def test_a_township_s_administrator_judges_first(who: Caller, managers: dict[str, set[UUID]], acts: list[str]) -> None:
    assert acts_on_need(who, need("posted"), managers) == acts


def test_a_pledger_changes_a_pledge_until_it_is_withdrawn() -> None:
    person = new_id()
    assert acts_on_pledge(caller(person=person), pledge(pledger_id=person)) == ["change_pledge", "withdraw_pledge"]
    assert acts_on_pledge(caller(person=person), pledge(pledger_id=person, withdrawn=True)) == []
    for other in (caller(""), None):
        assert acts_on_pledge(other, pledge(pledger_id=person)) == []


@pytest.mark.parametrize(
    ("changes", "left"),
    [
        ({}, 50),
        ({"accepted": 80}, 0),
        ({"accepted": 0, "proposed": 0}, 100),
        ({"quantity": 40}, 0),
        ({"withdrawn": True}, 0),
        ({"resting": True}, 0),
    ],
)
def test_the_open_quantity_is_neither_accepted_nor_proposed(changes: dict[str, Any], left: int) -> None:
    assert open_quantity(pledge(**changes)) == left


@pytest.mark.parametrize(("days", "is_right"), [(-1, False), (0, False), (1, True), (730, True), (731, False)])
def test_a_pledge_is_valid_for_at_most_two_years(days: int, is_right: bool) -> None:
    assert (find_validity_problem(NOW + timedelta(days), NOW) is None) == is_right


@pytest.mark.parametrize(
    ("wanted", "valid_until", "is_more"),
    [
        ({}, NOW - timedelta(1), False),
        ({"quantity": 101}, NOW + timedelta(1), True),
        ({"quantity": 100}, NOW + timedelta(1), False),
        ({"region": VILLAGE[:6]}, NOW + timedelta(1), True),
        ({"region": VILLAGE}, NOW + timedelta(1), False),
        ({"valid_until": NOW + timedelta(9)}, NOW + timedelta(1), False),
        ({"valid_until": NOW + timedelta(9)}, NOW, True),
        ({"quantity": 1, "valid_until": NOW + timedelta(9)}, NOW - timedelta(1), True),
    ],
)
def test_change_offers_more_when_larger_moved_or_renewed(wanted: dict[str, Any], valid_until: datetime, is_more: bool) -> None:
    assert offers_more(pledge(region=VILLAGE, valid_until=valid_until), wanted, NOW) is is_more


@pytest.mark.parametrize(("audited", "view"), [("5109", "region"), ("", "region"), ("5107", "public")])
def test_auditor_of_the_region_sees_what_its_administrators_see(audited: str, view: str) -> None:
    auditor = caller()
    vars(auditor)["audited_regions"] = [audited]
    assert view_of(auditor, need("posted")) == view
