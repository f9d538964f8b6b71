"""The most that one household may get of a pledge, over all its needs and by every way."""

from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from chassis.data.database import new_id
from chassis.testing.fixtures import Client, Person, RolledBack
from chassis.testing.twins import unguarded
from contracts.generate import example_of
from contracts.matching import MatchProposed
from contracts.needs import NeedPublished
from contracts.users import HouseholdEnded
from matching.allocation.solver import Share
from matching.book.merged_households import record_merges
from matching.clearing import actions as clearing
from matching.clearing.household_caps import cut_shares
from matching.intake import actions as intake

from .conftest import clear, offered, published, told
from .test_holds import found_faults


def book(database: RolledBack, needs: list[NeedPublished], **pledge: Any) -> Any:
    offer = offered(**pledge)
    with database.begin() as session:
        intake.book_needs(session, needs)
        intake.book_pledges(session, [offer])
    return offer


def clear_all(database: RolledBack) -> None:
    """Clear until the queue is empty, without waiting for entries that were put off for a moment."""
    for _ in range(10):
        clear(database)
        with database.begin() as session:
            session.execute(text("UPDATE to_clear SET due_at = now()"))


def proposed_to(database: RolledBack, household: Any) -> int:
    return sum(event.quantity for event in told(database, MatchProposed) if event.household_id == household)


@pytest.mark.parametrize("cap", [clearing.cap_by_household, unguarded(lambda _, shares, *__: shares, "without the cap all goes to one")])
def test_two_needs_of_a_household_share_its_limit(database: RolledBack, monkeypatch: pytest.MonkeyPatch, cap: Any) -> None:
    monkeypatch.setattr(clearing, "cap_by_household", cap)
    household, other = new_id(), new_id()
    needs = [published(household_id=household), published(household_id=household), published(household_id=other)]
    book(database, needs, quantity=100, limit_per_household=20)
    clear_all(database)
    assert (proposed_to(database, household), proposed_to(database, other)) == (20, 20)
    assert found_faults(database) == []


def test_a_household_that_had_enough_gets_from_another_pledge(database: RolledBack) -> None:
    need = published(quantity=50)
    book(database, [need], quantity=100, limit_per_household=20)
    clear_all(database)
    book(database, [published(category="food.oil")], quantity=100)
    clear_all(database)
    assert sorted(event.quantity for event in told(database, MatchProposed) if event.need_id == need.need_id) == [20, 30]
    assert found_faults(database) == []


def test_nothing_waits_in_the_queue_for_a_limit(database: RolledBack) -> None:
    book(database, [published()], quantity=100, limit_per_household=20)
    clear_all(database)
    assert database.found(text("SELECT count(*) FROM to_clear"))[0][0] == 0


def test_a_claim_keeps_to_the_limit_too(client: Client, database: RolledBack) -> None:
    giver, need = Person("donor"), published()
    pledge = book(database, [need], pledger_id=giver.id, limit_per_household=20, quantity=100)
    claim = {"need_id": str(need.need_id), "pledge_id": str(pledge.pledge_id), "quantity": 21}
    assert client.post("/v1/claims", claim, by=giver).json["code"] == "household_limit_reached"
    assert client.post("/v1/claims", claim | {"quantity": 20}, by=giver).status_code == 201
    assert client.post("/v1/claims", claim | {"quantity": 1}, by=giver).json["code"] == "household_limit_reached"


def merge(database: RolledBack, household: UUID, into: UUID | None) -> None:
    ended = replace(example_of(HouseholdEnded), household_id=household, merged_into=into, reason="merged" if into else "moved_away")
    with database.begin() as session:
        record_merges(session, [ended, ended])


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("hears", [True, unguarded(False, "without merges, the merged household gets as much once more")])
def test_a_merged_household_brings_along_what_it_got(client: Client, database: RolledBack, hears: bool, order: tuple[int, int]) -> None:
    giver = Person("donor")
    first, second, third = new_id(), new_id(), new_id()
    pledge = book(database, [published(household_id=first)], quantity=100, limit_per_household=20, pledger_id=giver.id)
    clear_all(database)
    assert proposed_to(database, first) == 20
    merges = [(first, second), (second, third)]
    for place in order:
        if hears:
            merge(database, *merges[place])
    need = published(household_id=third)
    book(database, [need], category="food.oil", quantity=1)
    clear_all(database)
    assert proposed_to(database, third) == 0
    assert found_faults(database) == []
    claim = {"need_id": str(need.need_id), "pledge_id": str(pledge.pledge_id), "quantity": 1}
    assert client.post("/v1/claims", claim, by=giver).json["code"] == "household_limit_reached"


def test_part_of_the_limit_that_is_left_goes_to_the_merged_household(database: RolledBack) -> None:
    first, second = new_id(), new_id()
    book(database, [published(household_id=first, quantity=15)], quantity=100, limit_per_household=20)
    clear_all(database)
    merge(database, first, second)
    book(database, [published(household_id=second)], category="food.oil", quantity=1)
    clear_all(database)
    assert proposed_to(database, second) == 5
    assert found_faults(database) == []


def test_household_that_was_split_off_has_a_limit_of_its_own(database: RolledBack) -> None:
    first, gone, new = new_id(), new_id(), new_id()
    book(database, [published(household_id=first)], quantity=100, limit_per_household=20)
    clear_all(database)
    merge(database, gone, None)
    book(database, [published(household_id=new), published(household_id=first)], category="food.oil", quantity=1)
    clear_all(database)
    assert (proposed_to(database, first), proposed_to(database, new)) == (20, 20)


def test_shares_are_cut_one_after_the_other() -> None:
    pledge, free, household = new_id(), new_id(), new_id()
    first, second, third = new_id(), new_id(), new_id()
    shares = [Share(first, pledge, 8), Share(second, pledge, 8), Share(third, free, 8)]
    households = dict.fromkeys((first, second, third), household)
    cut = cut_shares(shares, {pledge: 12}, households, {(pledge, household): 1})
    assert [(share.need, share.quantity) for share in cut] == [(first, 8), (second, 3), (third, 8)]
    assert [share.need for share in cut_shares(shares, {pledge: 1}, households, {(pledge, household): 1})] == [third]
