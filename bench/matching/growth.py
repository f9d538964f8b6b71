"""What entering and matching a need costs as the book grows: the same needs on books of different sizes, in turns."""

import random
import statistics
import time
from pathlib import Path

from matplotlib.figure import Figure

from bench.matching import book
from bench.matching.figures import note, say
from bench.matching.pipeline import fill
from bench.matching.scene import Scene
from bench.quality.plots import save
from chassis.database import Database
from matching import clearing
from matching.actions.book import book_needs

BATCH = 500
MOST = 1.5
FROM = 100_000


def measure(scene: Scene, luck: random.Random, sizes: list[int], batches: int, plot: Path | None) -> None:
    """One line a size, and how much dearer a need is in the largest book than in that of a hundred thousand (or in the smallest)."""
    stores = {}
    for size in sizes:
        name = f"growth_{size}"
        scene.server.create(name, template="empty")
        fill(scene, name, luck, pledges=size)
        stores[size] = Database(scene.url(name), name="bench", statement_timeout_ms=600_000)
    spent: dict[int, list[float]] = {size: [] for size in sizes}
    for number in range(batches + 1):
        note(f"growth, batch {number} of {batches}")
        events = [book.published(luck) for _ in range(BATCH)]
        for size in random.sample(sizes, len(sizes)):
            milliseconds = _match(stores[size], events)
            # The first batch finds nothing prepared and nothing in memory.
            if number:
                spent[size].append(milliseconds / BATCH)
    for store in stores.values():
        store.close()
    costs = {size: statistics.median(values) for size, values in spent.items()}
    for size, cost in costs.items():
        say(f"growth: a need among {size:,} open pledges", cost, "ms")
    if len(sizes) > 1:
        base = FROM if FROM in costs and max(costs) > FROM else min(costs)
        most = max(costs)
        figure = f"growth: from {base:,} to {most:,} open pledges"
        say(figure, costs[most], "ms", costs[base], costs[most] / costs[base], at_most=MOST)
    if plot:
        draw(costs, plot)


def _match(store: Database, events: list[book.NeedPublished]) -> float:
    started = time.monotonic()
    with store.begin() as session:
        book_needs(session, events)
    while True:
        with store.begin() as session:
            if not clearing.clear(session, book.ANSWER_WITHIN).due:
                break
    return 1000 * (time.monotonic() - started)


def draw(costs: dict[int, float], path: Path) -> None:
    picture = Figure(figsize=(6, 3.6), layout="constrained")
    axes = picture.add_subplot(xscale="log", xlabel="可用的爱心意向\nopen pledges", ylabel="每条需求的毫秒 ms per need")
    axes.plot(list(costs), list(costs.values()), marker="o")
    axes.set_ylim(bottom=0)
    save(picture, path.parent, path.name, "录入并对接一条需求 entering and matching a need, 500 at once")
