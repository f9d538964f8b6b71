"""A picture of the dashboard beside a running stack: `python -m deploy.watching.drawn stack.json dashboard.png --seconds 120`.

Without Grafana: matplotlib draws its panels, headings, units and red lines from Prometheus's answers.
"""

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from deploy.watching.dashboard import ROWS, Panel, asked_now
from deploy.watching.prometheus import Prometheus

UNITS = {"s": "seconds", "reqps": "requests/s", "ops": "/s", "percentunit": "share", "bytes": "MB", "short": ""}
NAMED = 6


def draw(prometheus: Prometheus, seconds: float, file: Path) -> None:
    """Draw every panel over the last `seconds`, four in a row under each heading."""
    heights = [-(-len(panels) // 4) for panels in ROWS.values()]
    figure = plt.figure(figsize=(18, 2.6 * sum(heights)), layout="constrained")
    for part, (heading, panels), height in zip(
        figure.subfigures(len(ROWS), height_ratios=heights, squeeze=False)[:, 0], ROWS.items(), heights, strict=True
    ):
        part.suptitle(heading, x=0.01, ha="left", fontweight="bold")
        places = part.subplots(height, 4, squeeze=False).flat
        for panel, place in zip(panels, places, strict=False):
            _picture(place, panel, prometheus.ask_over(asked_now(panel.query), seconds))
        for place in list(part.axes)[len(panels) :]:
            place.axis("off")
    figure.savefig(file, dpi=75)


def _picture(place: Axes, panel: Panel, lines: list[dict[str, Any]]) -> None:
    place.set_title(panel.title, fontsize=9)
    place.set_ylabel(UNITS[panel.unit], fontsize=8)
    place.tick_params(labelsize=7)
    for number, line in enumerate(sorted(lines, key=lambda line: -_last(line))):
        figures = [(float(at), float(figure) / (1e6 if panel.unit == "bytes" else 1)) for at, figure in line["values"]]
        place.plot(
            [at - time.time() for at, _ in figures],
            [figure for _, figure in figures],
            lw=1,
            label=None if number >= NAMED else _name(panel, line),
        )
    if panel.red_from is not None:
        place.axhline(panel.red_from, color="red", ls="--", lw=0.8)
    place.set_ylim(bottom=0)
    if lines:
        place.legend(fontsize=6, loc="upper left")
    else:
        place.text(0.5, 0.5, "no data", ha="center", transform=place.transAxes)


def _last(line: dict[str, Any]) -> float:
    figure = float(line["values"][-1][1])
    return -math.inf if math.isnan(figure) else figure


def _name(panel: Panel, line: dict[str, Any]) -> str:
    name = panel.legend
    for label, value in line["metric"].items():
        name = name.replace(f"{{{{{label}}}}}", value)
    return name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stack", type=Path, help="the stack.json of a stack that runs with --watched")
    parser.add_argument("picture", type=Path)
    parser.add_argument("--seconds", type=float, default=120)
    arguments = parser.parse_args()
    stated = json.loads(arguments.stack.read_text())
    with Prometheus(None, stated["metrics"], stated["broker_metrics"]) as prometheus:
        time.sleep(arguments.seconds)
        draw(prometheus, arguments.seconds, arguments.picture)


if __name__ == "__main__":
    main()
