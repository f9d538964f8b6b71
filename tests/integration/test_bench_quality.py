"""The quality bench in short: what it says must hold holds, whatever the machine does."""

from collections.abc import Iterator

import pytest

from bench.quality import clearing, equity, figures, online
from bench.quality.getusppe import Book, Ours, Price, read
from bench.quality.replay import BASELINES, by_framework, season


@pytest.fixture(autouse=True)
def nothing_short() -> Iterator[None]:
    figures.short.clear()
    yield
    figures.short.clear()


@pytest.mark.parametrize("seed", [7, 8])
def test_one_clearing_is_as_good_as_any_over_all_pairs_could_be(seed: int) -> None:
    clearing.run(seed, sizes=(10, 60, 200))
    assert figures.short == []


def test_a_stream_of_arrivals_loses_little_against_who_knew_them_all() -> None:
    shares = online.run(7, count=600, supplies=(0.33, 1.0), rounds=1)
    assert not [figure for figure in figures.short if "optimum" in figure]
    assert all(share["at once"] >= 1.05 * share["first come"] for share in shares)
    assert all(share["kept for the urgent"] > share["urgency-aware greedy"] for share in shares)


@pytest.mark.timeout(300)
def test_the_worst_off_villages_of_a_county_get_more_than_by_first_come() -> None:
    year = equity.year([7, 0, 5, 2], supply=0.5, choosing=0.2)
    ours, first = equity.outcome(year, equity.ours), equity.outcome(year, equity.first_come)
    assert ours.needs >= 1.15 * first.needs
    assert ours.units >= 0.995 * first.units
    assert ours.worst >= 1.15 * first.worst
    assert ours.gini <= 0.85 * first.gini


@pytest.mark.timeout(300)
def test_the_packages_own_framework_finds_our_choice_far_better_than_first_come() -> None:
    whole = read()
    gifts, requests = (table.sort_values("date").reset_index(drop=True) for table in (whole.gifts, whole.requests))
    book = Book(gifts.head(120), requests.head(1500), whole.miles)
    mine, replayed = by_framework(book, Ours(book, Price())), season(book, Ours(book, Price()))
    assert mine.fill >= 2 * by_framework(book, BASELINES["first come"]).fill
    assert (replayed.fill, replayed.units) == (pytest.approx(mine.fill, rel=0.01), pytest.approx(mine.units, rel=0.01))


def test_a_ratio_that_does_not_hold_is_named() -> None:
    figures.say("too low", 1, "units", 2, at_least=0.9)
    figures.say("too high", 2, "units", 1, at_most=1.1)
    figures.say("fine", 1, "units", 1, at_least=1, at_most=1)
    with pytest.raises(SystemExit, match="does not hold: too low, too high"):
        figures.end()
