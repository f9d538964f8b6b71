"""The cost of entering and matching a need as the book grows, on books of several sizes in turns."""

import random
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from bench.matching import book
from bench.matching.figures import progress, report
from bench.matching.pipeline import fill
from bench.matching.scene import Scene
from bench.quality.plots import save
from chassis.data.database import Database
from chassis.ops import gc_tuning
from contracts.needs import NeedPublished
from matching.clearing import actions
from matching.intake.actions import book_needs

BATCH = 500
MOST = 1.5
FROM = 100_000
_USE_UP = "UPDATE pledges SET rest = 0 WHERE offered_at < (SELECT percentile_disc(0.9) WITHIN GROUP (ORDER BY offered_at) FROM pledges)"


def measure(scene: Scene, luck: random.Random, sizes: list[int], batches: int, plot: Path | None) -> None:
    """Print one line for each size, the ratio of the largest book to that of a hundred thousand (or to the smallest), and the ratio
    of a book used for years.
    """
    # As the clearing process does.
    gc_tuning.collect_rarely()
    stores = {size: _filled(scene, f"growth_{size}", luck, size) for size in sizes}
    costs = dict(zip(sizes, _in_turns([*stores.values()], luck, batches), strict=True))
    for size, cost in costs.items():
        report(f"growth: a need among {size:,} open pledges", cost, "ms")
    base = FROM if FROM in costs and max(costs) > FROM else min(costs)
    if len(sizes) > 1:
        most = max(costs)
        figure = f"growth: from {base:,} to {most:,} open pledges"
        report(figure, costs[most], "ms", costs[base], costs[most] / costs[base], at_most=MOST)
    if plot:
        draw(costs, plot)
    used = _filled(scene, "used", luck, base * 10)
    with scene.connect("used") as connection:
        connection.execute(_USE_UP)
        connection.execute("TRUNCATE balance_changes")
        connection.execute("VACUUM ANALYZE")
    fresh_cost, used_cost = _in_turns([stores[base], used], luck, batches)
    figure = f"growth: nine used up beside each of {base:,} open pledges"
    report(figure, used_cost, "ms", fresh_cost, used_cost / fresh_cost, at_most=MOST)
    for store in (used, *stores.values()):
        store.close()


def _filled(scene: Scene, name: str, luck: random.Random, pledges: int) -> Database:
    scene.server.create(name, template="empty")
    fill(scene, name, luck, pledges=pledges)
    return Database(scene.url(name), name="bench", statement_timeout_ms=600_000)


def _in_turns(stores: Sequence[Database], luck: random.Random, batches: int) -> list[float]:
    """Return the milliseconds for each need in each of these books."""
    spent: list[list[float]] = [[] for _ in stores]
    for number in range(batches + 1):
        progress(f"growth, batch {number} of {batches}")
        events = [book.published(luck) for _ in range(BATCH)]
        for place in random.sample(range(len(stores)), len(stores)):
            milliseconds = _match(stores[place], events)
            # The first batch finds nothing prepared and nothing in memory.
            if number:
                spent[place].append(milliseconds / BATCH)
    return [statistics.median(values) for values in spent]


def _match(store: Database, events: list[NeedPublished]) -> float:
    started = time.monotonic()
    with store.begin() as session:
        book_needs(session, events)
    while True:
        with store.begin() as session:
            if not actions.clear(session, book.ANSWER_WITHIN).due:
                break
    return 1000 * (time.monotonic() - started)


def draw(costs: dict[int, float], path: Path) -> None:
    picture = Figure(figsize=(6, 3.6), layout="constrained")
    axes = picture.add_subplot(xscale="log", xlabel="可用的爱心意向\nopen pledges", ylabel="每条需求的毫秒 ms per need")
    axes.plot(list(costs), list(costs.values()), marker="o")
    axes.set_ylim(bottom=0)
    save(picture, path.parent, path.name, "录入并对接一条需求 entering and matching a need, 500 at once")
