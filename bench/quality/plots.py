"""The pictures of the quality bench."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

mpl.rcParams["svg.hashsalt"] = "duijie"


def online(folder: Path, shares: Sequence[Mapping[str, float]]) -> None:
    """Shares of the offline optimum over supply."""
    picture = Figure(figsize=(6, 4), layout="constrained")
    axes = picture.add_subplot(xlabel="supply / demand", ylabel="share of the offline optimum", ylim=(0.5, 1))
    supplies = [one["supply"] for one in shares]
    for name in [name for name in shares[0] if name != "supply"]:
        axes.plot(supplies, [one[name] for one in shares], marker="o", label=name)
    axes.legend(fontsize="small")
    _save(picture, folder, "quality-online.svg")


def equity(folder: Path, table: Sequence[Mapping[str, float]]) -> None:
    """The Gini of the villages' shares over how many choose for themselves."""
    supplies = sorted({one["supply"] for one in table})
    picture = Figure(figsize=(4 * len(supplies), 4), layout="constrained")
    for place, supply in enumerate(supplies, 1):
        axes = picture.add_subplot(
            1, len(supplies), place, title=f"supply {supply} of demand", xlabel="choose a village", ylabel="Gini", ylim=(0, None)
        )
        rows = [one for one in table if one["supply"] == supply]
        for name in [name for name in table[0] if name not in {"supply", "choosing"}]:
            axes.plot([one["choosing"] for one in rows], [one[name] for one in rows], marker="o", label=name)
        axes.legend(fontsize="small")
    _save(picture, folder, "quality-equity.svg")


def getusppe(folder: Path, frontier: Mapping[str, Sequence[tuple[float, float]]]) -> None:
    """Fill rate over the miles of a unit."""
    picture = Figure(figsize=(6, 4), layout="constrained")
    axes = picture.add_subplot(xlabel="miles of a unit", ylabel="fill rate", xscale="log")
    for name, points in frontier.items():
        axes.plot(*zip(*points, strict=True), marker="o", linestyle="-" if len(points) > 1 else "", label=name)
    axes.legend(fontsize="small")
    _save(picture, folder, "quality-getusppe.svg")


def _save(picture: Figure, folder: Path, name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    picture.savefig(folder / name, metadata={"Date": None})
