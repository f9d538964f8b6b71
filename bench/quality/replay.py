"""A season of gifts and requests played week by week: by the package's own framework, or in arrays.

The framework plays the headline strategies and computes every metric. The replay in arrays follows the same rules (the run compares it
with the framework) and is fast enough for the frontier and the variants.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

import numpy as np
import pandas as pd
from ppe_match import TestingFramework

from bench.quality.getusppe import MOST, WEEK, Book, Chosen, Whole, distances, numbers, whole_units

Strategy = Callable[[Any, pd.DataFrame, pd.DataFrame, pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True)
class Outcome:
    """The package's metrics, with the units given, the donors used and the share of all units asked for."""

    fill: float
    miles: float
    holding_days: float
    shipments: float
    units: int
    donors: int
    weighted_fill: float


class Chooses(Protocol):
    """A strategy that decides about an item, week by week."""

    def choose(self, item: str, donors: Whole, gifts: Whole, recipients: Whole, requests: Whole) -> Chosen: ...


def season(book: Book, strategy: Chooses) -> Outcome:
    """Play a season by the framework's rules: each week, aggregate what is open by person and item, then let the strategy decide."""
    gifts, requests = _Side(book.gifts, "don_id"), _Side(book.requests, "rec_id")
    start = min(gifts.first, requests.first) - timedelta(minutes=1)
    last = max(gifts.last, requests.last) + timedelta(minutes=1)
    given: list[tuple[str, int, int, int, float, Any]] = []
    end = start
    while end <= last:
        end = end + timedelta(days=WEEK)
        moment = last + timedelta(minutes=2) if end > last else end
        for item in gifts.items:
            if item in requests.items:
                donors, free = gifts.standing(item, moment)
                recipients, asked = requests.standing(item, moment)
                if len(donors) and len(recipients):
                    for giver, taker, quantity in strategy.choose(item, donors, free, recipients, asked):
                        requests.take(item, recipients[taker], quantity, moment)
                        days = gifts.take(item, donors[giver], quantity, moment)
                        given.append((item, int(donors[giver]), int(recipients[taker]), quantity, days, moment))
    return _outcome(book, given)


class _Side:
    """Open gifts or requests by item and person, oldest first."""

    def __init__(self, table: pd.DataFrame, who: str) -> None:
        self.first, self.last = table["date"].min(), table["date"].max()
        self.items: dict[str, dict[int, list[list[Any]]]] = {}
        self._arrivals: dict[str, list[tuple[Any, int, int]]] = {}
        columns = table["date"], numbers(table[who]), table["ppe"], whole_units(table["qty"])
        for date, person, item, quantity in sorted(zip(*columns, strict=True)):
            self._arrivals.setdefault(item, []).append((date, int(person), int(quantity)))
            self.items.setdefault(item, {})

    def standing(self, item: str, moment: Any) -> tuple[Whole, Whole]:
        arrivals, standing = self._arrivals[item], self.items[item]
        count = 0
        for date, person, quantity in arrivals:
            if date >= moment:
                break
            standing.setdefault(person, []).append([date, quantity])
            count += 1
        del arrivals[:count]
        people = sorted(standing)
        return np.array(people, dtype=np.int64), np.array([sum(rest for _, rest in standing[one]) for one in people], dtype=np.int64)

    def take(self, item: str, person: int, quantity: int, moment: Any) -> float:
        """Take units from the oldest entry; return the sum of their idle days."""
        rows, days = self.items[item][int(person)], 0.0
        while quantity:
            part = min(quantity, rows[0][1])
            days += part * round((moment - rows[0][0]).total_seconds() / 86400)
            quantity -= part
            rows[0][1] -= part
            if not rows[0][1]:
                del rows[0]
        if not rows:
            del self.items[item][int(person)]
        return days


def _outcome(book: Book, given: Sequence[tuple[str, int, int, int, float, Any]]) -> Outcome:
    table = pd.DataFrame(given, columns=["ppe", "don", "rec", "qty", "days", "date"])
    asked = book.requests.assign(rec=numbers(book.requests["rec_id"])).groupby(["rec", "ppe"])["qty"].sum()
    received = table.groupby(["rec", "ppe"])["qty"].sum().reindex(asked.index, fill_value=0)
    fill = (received / asked).clip(upper=1).groupby("ppe").mean().mean()
    units, donors = int(table["qty"].sum()), int(table["don"].nunique())
    miles = float((book.miles[table["don"], table["rec"]] * table["qty"]).sum() / units)
    shipments = len(table.drop_duplicates(["don", "rec", "date"])) / donors
    # Quantities beyond any use, up to 10^10, would drown all others: what is asked for counts up to the largest gift.
    weighted = float(received.clip(upper=MOST).sum() / asked.clip(upper=MOST).sum())
    return Outcome(float(fill), miles, float(table["days"].sum() / units), shipments, units, donors, weighted)


def by_framework(book: Book, strategy: Strategy) -> Outcome:
    """Play a season with the package's own framework and metrics."""
    framework = TestingFramework.__new__(TestingFramework)
    framework.all_donors, framework.all_recipients = book.gifts.copy(), book.requests.copy()
    pairs = distances()
    framework.distance_mat = pairs[pairs["don_id"].isin(set(book.gifts["don_id"]))]
    framework.all_granular_decisions = pd.DataFrame(columns=["don_id", "rec_id", "ppe", "date", "qty", "distance", "holding_time"])
    framework.strategy, framework.interval, framework.max_donation_qty = strategy, WEEK, MOST
    framework.writeFiles = False
    framework.run()
    metrics = framework.metrics.set_index("metric_name")["value"]
    decisions = framework.all_granular_decisions
    asked = book.requests.groupby(["rec_id", "ppe"])["qty"].sum()
    received = decisions.groupby(["rec_id", "ppe"])["qty"].sum().reindex(asked.index, fill_value=0)
    return Outcome(
        float(metrics["fill rate"]), float(metrics["avg unit-miles"]), float(metrics["avg holding time"]),
        float(metrics["avg number of shipments"]), int(decisions["qty"].sum()), int(decisions["don_id"].nunique()),
        float(received.clip(upper=MOST).sum() / asked.clip(upper=MOST).sum()),
    )  # fmt: skip
