"""The quality bench in short: its bounds hold on any machine."""

import json
from collections.abc import Iterator

import pytest
from ppe_match.strategies import FCFM_strategy, proximity_match_strategy

from bench.quality import clearing, equity, figures, online
from bench.quality.getusppe import Book, Ours, Price, read
from bench.quality.neighbours import FirstCome, Proximity
from bench.quality.replay import by_framework, season
from chassis.testing.campaigns import only_whole


@pytest.fixture(autouse=True)
def nothing_short() -> Iterator[None]:
    figures.short.clear()
    yield
    figures.short.clear()


@pytest.mark.parametrize("seed", [7, 8])
def test_one_clearing_is_as_good_as_any_over_all_pairs_could_be(seed: int) -> None:
    clearing.run(seed, sizes=(10, 60, 200))
    assert figures.short == []


def test_online_clearing_stays_close_to_the_offline_optimum() -> None:
    shares = online.run(7, count=600, supplies=(0.33, 1.0), rounds=1)
    assert not [figure for figure in figures.short if "optimum" in figure]
    assert all(share["at once"] >= 1.05 * share["first come"] for share in shares)
    assert all(share["kept for the urgent"] > share["urgency-aware greedy"] for share in shares)


@pytest.mark.timeout(300)
def test_worst_off_villages_get_more_than_by_first_come() -> None:
    year = equity.year([7, 0, 5, 2], supply=0.5, choosing=0.2)
    ours, first = equity.outcome(year, equity.ours), equity.outcome(year, equity.first_come)
    assert ours.needs >= 1.15 * first.needs
    assert ours.units >= 0.995 * first.units
    assert ours.worst >= 1.15 * first.worst
    assert ours.gini <= 0.85 * first.gini


@only_whole
@pytest.mark.timeout(300)
def test_ppe_match_framework_ranks_ours_above_first_come() -> None:
    whole = read()
    gifts, requests = (table.sort_values("date").reset_index(drop=True) for table in (whole.gifts, whole.requests))
    book = Book(gifts.head(120), requests.head(1500), whole.miles)
    mine = by_framework(book, Ours(book, Price()))
    first, nearest = (by_framework(book, strategy) for strategy in (FCFM_strategy, proximity_match_strategy))
    assert mine.fill >= 2 * max(first.fill, nearest.fill)
    # Many are equally near, of whom the package takes any and we the first.
    for framework, strategy, near in ((mine, Ours(book, Price()), 0.01), (first, FirstCome(), 0.01), (nearest, Proximity(book), 0.1)):
        replayed = season(book, strategy)
        assert (replayed.fill, replayed.units) == (pytest.approx(framework.fill, rel=near), pytest.approx(framework.units, rel=near))


def test_a_peer_that_comes_to_nothing_leaves_the_line_json(capsys: pytest.CaptureFixture[str]) -> None:
    figures.report("nothing", 1, "units", 0, at_least=1)
    figures.report("both nothing", 0, "units", 0, at_least=1, at_most=1)
    lines = [json.loads(line, parse_constant=pytest.fail) for line in capsys.readouterr().out.splitlines()]
    assert ([line["ratio"] for line in lines], figures.short) == ([None, 1.0], [])


def test_a_ratio_that_does_not_hold_is_named() -> None:
    figures.report("too low", 1, "units", 2, at_least=0.9)
    figures.report("too high", 2, "units", 1, at_most=1.1)
    figures.report("fine", 1, "units", 1, at_least=1, at_most=1)
    with pytest.raises(SystemExit, match="does not hold: too low, too high"):
        figures.exit_on_failure()
