"""GetUsPPE's season: as it was, without foresight, and in bootstrapped variants; the bounds and the whole frontier.

The prices are round figures chosen on this season's frontier, as are its bounds; they use no id and no date. The variants show how they
do elsewhere: seasons drawn from the real one with replacement and played without foresight, on which nothing was chosen.
"""

import logging
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace

import numpy as np

from bench.quality.figures import report
from bench.quality.getusppe import Book, Ours, Price, read, variant
from bench.quality.neighbours import FirstCome, Proximity
from bench.quality.replay import Outcome, by_framework, season

PRICE = Price()
BLIND = replace(PRICE, foresight=False)
FRONTIER = (100, 250, 500, 1000, 2000, 4000)
VARIANTS = 3
UNITS = {
    "fill": "rate", "miles": "unit-miles", "holding_days": "days", "shipments": "per donor", "units": "units", "donors": "donors",
    "weighted_fill": "rate",
}  # fmt: skip
KNOWN = {
    "smallest request first": (829, 0.252), "greedy, 0.5 x quantity": (125, 0.200), "greedy, 3 x quantity": (173, 0.219),
    "greedy, 300 miles at most": (62, 0.205), "greedy by worth": (56, 0.222),
}  # fmt: skip
"""Unit-miles and fill rate of other strategies by the same framework, measured once before this bench; quoted in the picture only."""
Bounds = Mapping[str, tuple[float, bool]]
"""Of each metric the figure it must reach, or stay below when the second is true."""
AS_IT_WAS: Bounds = {
    "fill": (0.22, False), "miles": (60, True), "units": (195_000, False), "shipments": (7, True), "holding_days": (9, True),
    "donors": (1000, False),
}  # fmt: skip
WITHOUT_FORESIGHT: Bounds = {"fill": (0.21, False)}


def run(seed: int) -> dict[str, list[tuple[float, float, float | None]]]:
    """Print every metric; return (miles, fill, weighted fill where known) of all strategies for the picture."""
    logging.getLogger("ppe_match").setLevel(logging.WARNING)
    logging.getLogger("ppe_match.testing_framework").setLevel(logging.WARNING)
    book = read()
    mine = by_framework(book, Ours(book, PRICE))
    _say("getusppe, by the framework", mine, AS_IT_WAS)
    _agree(mine, season(book, Ours(book, PRICE)))
    _say("getusppe, without foresight", season(book, Ours(book, BLIND)), WITHOUT_FORESIGHT)
    _variants(book, seed)
    baselines = {name: season(book, strategy) for name, strategy in (("first come", FirstCome()), ("proximity", Proximity(book)))}
    for name, peer in baselines.items():
        _beside(f"getusppe, over {name}", mine, peer)
    points: dict[str, list[tuple[float, float, float | None]]] = {name: [(*point, None)] for name, point in KNOWN.items()}
    return {
        "ours": _frontier(book, PRICE),
        "ours, without foresight": _frontier(book, BLIND),
        **{name: [(peer.miles, peer.fill, peer.weighted_fill)] for name, peer in baselines.items()},
        **points,
    }


def _variants(book: Book, seed: int) -> None:
    found: list[Outcome] = []
    for number in range(VARIANTS):
        drawn = variant(book, seed + number)
        found.append(season(drawn, Ours(drawn, BLIND)))
        _say(f"getusppe, variant {seed + number}, without foresight", found[-1], {})
    mean = Outcome(**{name: float(np.mean([asdict(one)[name] for one in found])) for name in UNITS})  # type: ignore[arg-type]
    _say(f"getusppe, mean of {VARIANTS} variants, without foresight", mean, WITHOUT_FORESIGHT)


def _frontier(book: Book, price: Price) -> list[tuple[float, float, float | None]]:
    points: list[tuple[float, float, float | None]] = []
    for mile in FRONTIER:
        found = season(book, Ours(book, replace(price, mile=mile)))
        print(f"frontier, foresight {price.foresight}, a mile at {mile}: {asdict(found)}", file=sys.stderr)
        points.append((found.miles, found.fill, found.weighted_fill))
    return sorted(points)


def _say(run_of: str, found: Outcome, bounds: Bounds) -> None:
    for name, value in asdict(found).items():
        bound, at_most = bounds.get(name, (value, False))
        limit = {"at_most" if at_most else "at_least": 1.0} if name in bounds else {}
        report(f"{run_of}: {name}", value, UNITS[name], bound, **limit)


def _beside(run_of: str, mine: Outcome, peer: Outcome) -> None:
    for name, value in asdict(mine).items():
        report(f"{run_of}: {name}", value, UNITS[name], float(asdict(peer)[name]))


def _agree(framework: Outcome, replayed: Outcome) -> None:
    """Check that the replay in arrays gives the framework's results."""
    for name, value in asdict(framework).items():
        report(f"getusppe, replay over framework: {name}", float(asdict(replayed)[name]), UNITS[name], value, at_least=0.99, at_most=1.01)
