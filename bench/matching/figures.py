"""Figures of the bench, one JSON line each, and the bounds they broke."""

import json
import statistics
import sys
from collections.abc import Sequence

short: list[str] = []


def report(
    figure: str, value: float, unit: str, peer: float | None = None, ratio: float | None = None, *, at_least: float | None = None,
    at_most: float | None = None, **more: object,
) -> None:  # fmt: skip
    """Print a figure; `at_least` and `at_most` bound its ratio, or its value where there is no ratio."""
    judged = value if ratio is None else ratio
    if (at_least is not None and judged < at_least) or (at_most is not None and judged > at_most):
        short.append(figure)
    bounds = {name: bound for name, bound in (("at_least", at_least), ("at_most", at_most)) if bound is not None}
    line = {"figure": figure, "value": _short(value), "unit": unit, "peer": _short(peer), "ratio": _short(ratio)}
    print(json.dumps(line | bounds | more, ensure_ascii=False), flush=True)


def compare(figure: str, unit: str, ours: Sequence[float], peers: Sequence[float], at_least: float) -> None:
    """Print the medians, and the median ratio of neighbouring rounds."""
    ratio = statistics.median(our / peer for our, peer in zip(ours, peers, strict=True))
    report(figure, statistics.median(ours), unit, statistics.median(peers), ratio, at_least=at_least)


def progress(words: str) -> None:
    """Print progress on the standard error."""
    print(f"… {words}", file=sys.stderr, flush=True)


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
