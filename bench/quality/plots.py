"""Pictures of the quality bench, Chinese first."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Text stays text, in whatever font for Chinese the reader has.
FONTS = ["Noto Sans CJK SC", "Source Han Sans SC", "Microsoft YaHei", "PingFang SC", "Noto Serif CJK SC", "DejaVu Sans"]
mpl.rcParams |= {"svg.hashsalt": "duijie", "svg.fonttype": "none", "font.family": "sans-serif", "font.sans-serif": FONTS}
CHINESE = {
    "at once": "立即对接",
    "non-urgent held": "不急的需求先等三轮",
    "kept for the urgent": "新意向先留给急需",
    "first come": "先到先得",
    "urgency-aware greedy": "按紧急程度逐个对接",
    "nearest urgency-aware greedy": "按紧急程度、就近逐个对接",
    "ours": "本平台",
    "ours, half follow": "本平台，半数自选者听从建议",
    "nearest": "就近",
    "ours, without foresight": "本平台，不预知后来的申请",
    "proximity": "就近",
    "smallest request first": "小额优先",
    "greedy, 0.5 x quantity": "贪心：里程与数量并重",
    "greedy, 3 x quantity": "贪心：偏重数量",
    "greedy, 300 miles at most": "贪心：不超过 300 英里",
    "greedy by worth": "贪心：按价值",
}
MARKS = "osD^v<>pPX*"


def online(folder: Path, shares: Sequence[Mapping[str, float]]) -> None:
    """Draw shares of the offline optimum over supply."""
    picture = Figure(figsize=(7, 5), layout="constrained")
    axes = picture.add_subplot(xlabel="供给 ÷ 需求\nsupply / demand", ylabel="占事后最优的比例 share of the offline optimum", ylim=(0.5, 1))
    supplies = [one["supply"] for one in shares]
    for way, mark in zip([way for way in shares[0] if way != "supply"], MARKS, strict=False):
        axes.plot(supplies, [one[way] for one in shares], marker=mark, label=_named(way))
    axes.legend(fontsize="small", loc="lower right")
    save(picture, folder, "quality-online.svg", "需求与意向陆续到来时 while needs and pledges keep coming")


def equity(folder: Path, table: Sequence[Mapping[str, float]]) -> None:
    """Draw the Gini of the villages' shares over the share of choosers."""
    supplies = sorted({one["supply"] for one in table})
    picture = Figure(figsize=(5 * len(supplies), 4.5), layout="constrained")
    for place, supply in enumerate(supplies, 1):
        axes = picture.add_subplot(
            1, len(supplies), place, title=f"供给为需求的 {supply:.0%}\nsupply {supply} of demand",
            xlabel="自选村庄的意向占比\nshare of pledgers who choose a village", ylabel="各村的基尼系数 Gini of villages", ylim=(0, 0.55),
        )  # fmt: skip
        rows = [one for one in table if one["supply"] == supply]
        for way, mark in zip([name for name in table[0] if name not in {"supply", "choosing"}], MARKS, strict=False):
            axes.plot([one["choosing"] for one in rows], [one[way] for one in rows], marker=mark, label=_named(way))
        axes.legend(fontsize="small", loc="upper left")
    save(picture, folder, "quality-equity.svg", "各村得到的帮助有多不均 how unequal the villages fare")


def getusppe(folder: Path, frontier: Mapping[str, Sequence[tuple[float, float, float | None]]]) -> None:
    """Draw the fill rate, and the weighted one where known, over the miles of a unit."""
    picture = Figure(figsize=(10, 5.5), layout="constrained")
    fill, weighted = (
        picture.add_subplot(1, 2, place, xlabel="每件运送英里数\nmiles of a unit", ylabel=label, xscale="log")
        for place, label in ((1, "满足率 fill rate"), (2, "加权满足率 weighted fill rate"))
    )
    for (way, points), mark in zip(frontier.items(), MARKS, strict=False):
        _mark(fill, way, [(miles, rate) for miles, rate, _ in points], mark)
        _mark(weighted, way, [(miles, rate) for miles, _, rate in points if rate is not None], mark)
    picture.legend(*fill.get_legend_handles_labels(), fontsize="small", loc="outside lower center", ncols=3)
    for axes in (fill, weighted):
        axes.set_ylim(0, 1.1 * axes.dataLim.ymax)
    save(picture, folder, "quality-getusppe.svg", "GetUsPPE 2020 年春季的真实申请与捐赠 real requests and gifts of spring 2020")


def _mark(axes: Axes, way: str, points: Sequence[tuple[float, float]], mark: str) -> None:
    if points:
        axes.plot(*zip(*points, strict=True), marker=mark, linestyle="-" if len(points) > 1 else "", label=_named(way))


def _named(way: str) -> str:
    return f"{CHINESE[way]} {way}" if way in CHINESE else way


def save(picture: Figure, folder: Path, name: str, title: str) -> None:
    """Save the picture as SVG with its title; Chinese stays text."""
    picture.suptitle(title)
    folder.mkdir(parents=True, exist_ok=True)
    # Where a font is missing only the places are less exact.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture.savefig(folder / name, metadata={"Date": None})
