"""Figures of the quality bench as JSON lines, and the bounds they broke."""

import json
import math
import sys

short: list[str] = []


def report(figure: str, value: float, unit: str, peer: float, at_least: float | None = None, at_most: float | None = None) -> None:
    """Print ours, the peer's and their ratio, which must lie within the bounds, if any; null where the peer has no figure."""
    ratio = value / peer if peer else math.inf if value else 1.0
    bounds = {"at_least": at_least, "at_most": at_most}
    if (at_least is not None and ratio < at_least) or (at_most is not None and ratio > at_most):
        short.append(figure)
    figures = {"value": round(value, 4), "unit": unit, "peer": round(peer, 4), "ratio": round(ratio, 4) if math.isfinite(ratio) else None}
    print(json.dumps({"figure": figure, **figures} | {name: bound for name, bound in bounds.items() if bound is not None}), flush=True)


def exit_on_failure() -> None:
    """Exit with 1 and name the broken bounds, if any."""
    if short:
        sys.exit(f"does not hold: {', '.join(short)}")
