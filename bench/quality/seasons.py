"""GetUsPPE's season as it was, without foresight and in variants drawn from it: what has to hold, and the whole frontier."""

import sys
from collections.abc import Mapping
from dataclasses import asdict, replace

from bench.quality.figures import say
from bench.quality.getusppe import BASELINES, Book, Ours, Outcome, Price, by_framework, read, season, variant

PRICE = Price()
FRONTIER = (100, 250, 500, 1000, 2000)
VARIANTS = 3
UNITS = {
    "fill": "rate", "miles": "unit-miles", "holding_days": "days", "shipments": "per donor", "units": "units", "donors": "donors",
    "weighted_fill": "rate",
}  # fmt: skip
KNOWN = {
    "first come": (1345, 0.060), "proximity": (91, 0.062), "smallest request first": (829, 0.252), "greedy, 3 x quantity": (173, 0.219),
    "greedy, 300 miles at most": (62, 0.205), "greedy by worth": (56, 0.222),
}  # fmt: skip
"""Fill rate and unit-miles of other strategies on the same file."""
Bounds = Mapping[str, tuple[float, bool]]
"""Of each metric the figure it must reach, or stay below when the second is true."""
AS_IT_WAS: Bounds = {
    "fill": (0.22, False), "miles": (60, True), "units": (195_000, False), "shipments": (7, True), "holding_days": (9, True),
    "donors": (1000, False),
}  # fmt: skip
WITHOUT_FORESIGHT: Bounds = {"fill": (0.21, False)}


def run(seed: int) -> dict[str, list[tuple[float, float]]]:
    """Say every metric; returns (miles, fill) of all strategies for the picture."""
    book = read()
    mine = by_framework(book, Ours(book, PRICE))
    _say("getusppe, by the framework", mine, AS_IT_WAS)
    _agree(mine, season(book, Ours(book, PRICE)))
    blind = season(book, Ours(book, replace(PRICE, foresight=False)))
    _say("getusppe, without foresight", blind, WITHOUT_FORESIGHT)
    baselines = {name: by_framework(book, strategy) for name, strategy in BASELINES.items()}
    for name, peer in baselines.items():
        _beside(f"getusppe, over {name}", mine, peer)
    for number in range(VARIANTS):
        drawn = variant(book, seed + number)
        _say(f"getusppe, variant {seed + number}, without foresight", season(drawn, Ours(drawn, replace(PRICE, foresight=False))), {})
    return {
        "ours": _frontier(book, foresight=True),
        "ours, without foresight": _frontier(book, foresight=False),
        **{name: [point] for name, point in KNOWN.items() if name not in baselines},
        **{name: [(peer.miles, peer.fill)] for name, peer in baselines.items()},
    }


def _frontier(book: Book, foresight: bool) -> list[tuple[float, float]]:
    points: list[tuple[float, float]] = []
    for mile in FRONTIER:
        found = season(book, Ours(book, replace(PRICE, mile=mile, foresight=foresight)))
        print(f"frontier, foresight {foresight}, a mile at {mile}: {asdict(found)}", file=sys.stderr)
        points.append((found.miles, found.fill))
    return sorted(points)


def _say(run_of: str, found: Outcome, bounds: Bounds) -> None:
    for name, value in asdict(found).items():
        bound, at_most = bounds.get(name, (value, False))
        limit = {"at_most" if at_most else "at_least": 1.0} if name in bounds else {}
        say(f"{run_of}: {name}", value, UNITS[name], bound, **limit)


def _beside(run_of: str, mine: Outcome, peer: Outcome) -> None:
    for name, value in asdict(mine).items():
        say(f"{run_of}: {name}", value, UNITS[name], float(asdict(peer)[name]))


def _agree(framework: Outcome, replayed: Outcome) -> None:
    """The replay in arrays must come to what the framework comes to."""
    for name, value in asdict(framework).items():
        say(f"getusppe, replay over framework: {name}", float(asdict(replayed)[name]), UNITS[name], value, at_least=0.99, at_most=1.01)
