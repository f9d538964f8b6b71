"""GetUsPPE's real requests and gifts, week by week, with our allocation and score as the strategy, beside the package's own.

Source: ppe-match 0.1.4 (MIT). Its framework runs the headline strategies and computes every metric; the season replayed here in arrays
is the same rule by rule (the run holds it against the framework), and fast enough for the frontier and the variants.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import ppe_match
from numpy.typing import NDArray
from ppe_match import TestingFramework
from ppe_match.strategies import FCFM_strategy, proximity_match_strategy

from matching.allocation import Offered, allocate
from matching.score import Asked, Weights

Whole = NDArray[np.int64]
Strategy = Callable[[Any, pd.DataFrame, pd.DataFrame, pd.DataFrame], pd.DataFrame]
DATA = Path(ppe_match.__file__).parent / "data"
MOST = 1000
WEEK = 7
ROUNDS = 4
"""A flow knows no price of a hand-over, only of a unit: each round spreads it over what the round before handed over (slope scaling)."""
SCALE = 10**10
"""What a whole need is worth, divided among all who ask for the same item: so the items count alike, as in the package's fill rate."""


@dataclass(frozen=True)
class Price:
    """What a unit is worth wherever it goes, what a mile and a hand-over cost; what is worth less than `threshold` waits for a better need.

    A donor's first hand-over is cheaper by `first`: who gives and is never asked stays away.
    With `foresight` the whole season's requesters of an item are known beforehand; else those who asked so far.
    """

    unit: int = 30_000
    mile: int = 430
    hand_over: int = 2_300_000
    first: int = 400_000
    threshold: int = 1
    foresight: bool = True


@dataclass(frozen=True)
class Book:
    """Gifts and requests of a season in the order of their dates, and the miles between donor and recipient."""

    gifts: pd.DataFrame
    requests: pd.DataFrame
    miles: NDArray[np.float32]


@cache
def read() -> Book:
    """The package's files; gifts of more than a thousand units are errors to its framework and so to us."""
    gifts, requests = (_table(file) for file in ("anon_donors.csv", "anon_recipients.csv"))
    gifts = gifts[gifts["qty"] <= MOST]
    pairs = pd.read_csv(DATA / "anon_distance_matrix.csv")
    donors, recipients = _numbers(pairs["don_id"]), _numbers(pairs["rec_id"])
    miles = np.full((donors.max() + 1, recipients.max() + 1), np.inf, dtype=np.float32)
    miles[donors, recipients] = pairs["distance"]
    return Book(gifts, requests, miles)


def _table(file: str) -> pd.DataFrame:
    table = pd.read_csv(DATA / file, index_col=0)
    table["date"] = pd.to_datetime(table["date"], format="ISO8601", utc=True)
    return table


def _numbers(ids: "pd.Series[str]") -> Whole:
    return ids.str[3:].astype(np.int64).to_numpy()


_NOTHING = Weights(**dict.fromkeys((one.name for one in fields(Weights)), 0))


class Ours:
    """Our allocation as a strategy: a need counts once whatever it asks for, near before far, few hand-overs."""

    def __init__(self, book: Book, price: Price) -> None:
        self._book, self._price = book, price
        whole = book.requests.drop_duplicates(["rec_id", "ppe"])["ppe"].value_counts()
        self._requesters: dict[str, int] = {str(item): int(count) for item, count in whole.items()} if price.foresight else {}
        self._seen: dict[str, set[int]] = {}
        self._asked: set[int] = set()

    def choose(self, item: str, donors: Whole, gifts: Whole, recipients: Whole, requests: Whole) -> list[tuple[int, int, int]]:
        """(row of gift, row of request, quantity) of the week's hand-overs of an item."""
        price = self._price
        self._seen.setdefault(item, set()).update(recipients.tolist())
        requesters = self._requesters.get(item) or len(self._seen[item])
        weights = replace(_NOTHING, urgency=price.unit, share=SCALE // requesters, threshold=price.threshold)
        least = np.minimum(gifts[:, None], requests[None, :])
        miles = self._book.miles[np.ix_(donors, recipients)]
        is_new = np.array([donor not in self._asked for donor in donors.tolist()])
        work = (price.hand_over - price.first * is_new)[:, None]
        costs = price.mile * miles + work / least
        givers, takers = np.nonzero(price.unit + weights.share // requests[None, :] - costs >= price.threshold)
        if not len(givers):
            return []
        names = [UUID(int=row) for row in range(len(gifts) + len(requests))]
        shift = len(gifts)
        needs = [
            Asked(names[shift + row], item, "piece", "", 1, 0, int(requests[row]))
            for row in sorted(set(takers.tolist()))
        ]  # fmt: skip
        pledges = [Offered(names[row], (item, "piece", ""), int(gifts[row])) for row in sorted(set(givers.tolist()))]
        spread = work / least
        for _ in range(ROUNDS):
            pairs = {
                (names[shift + taker], names[giver]): round(float(price.mile * miles[giver, taker] + spread[giver, taker]))
                for giver, taker in zip(givers.tolist(), takers.tolist(), strict=True)
            }
            shares = allocate(needs, pledges, weights=weights, costs=pairs)
            chosen = [(share.pledge.int, share.need.int - shift, share.quantity) for share in shares]
            for giver, taker, quantity in chosen:
                spread[giver, taker] = work[giver, 0] / quantity
        worth = price.unit + weights.share // requests
        kept = [
            (giver, taker, quantity)
            for giver, taker, quantity in chosen
            if worth[taker] - price.mile * miles[giver, taker] - work[giver, 0] / quantity >= price.threshold
        ]
        self._asked.update(int(donors[giver]) for giver, _, _ in kept)
        return kept

    def __call__(self, date: Any, gifts: pd.DataFrame, requests: pd.DataFrame, miles: pd.DataFrame) -> pd.DataFrame:
        """The strategy as the package's framework calls it."""
        rows: list[list[Any]] = []
        for item in sorted(set(gifts["ppe"]) & set(requests["ppe"])):
            mine, theirs = gifts[gifts["ppe"] == item], requests[requests["ppe"] == item]
            columns = _numbers(mine["don_id"]), _whole(mine["qty"]), _numbers(theirs["rec_id"]), _whole(theirs["qty"])
            for giver, taker, quantity in self.choose(item, *columns):
                rows.append([mine["don_id"].iloc[giver], theirs["rec_id"].iloc[taker], item, float(quantity)])
        return pd.DataFrame(rows, columns=["don_id", "rec_id", "ppe", "qty"])


def _whole(quantities: "pd.Series[float]") -> Whole:
    return quantities.round().astype(np.int64).to_numpy()


@dataclass(frozen=True)
class Outcome:
    """The package's metrics, and beside them the units given, the donors used and the share of all units asked for."""

    fill: float
    miles: float
    holding_days: float
    shipments: float
    units: int
    donors: int
    weighted_fill: float


def season(book: Book, strategy: Ours) -> Outcome:
    """A season by the framework's rules: once a week, what stands is aggregated by person and item and the strategy decides."""
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
    """Gifts or requests by item and person, oldest first."""

    def __init__(self, table: pd.DataFrame, who: str) -> None:
        self.first, self.last = table["date"].min(), table["date"].max()
        self.items: dict[str, dict[int, list[list[Any]]]] = {}
        self._arrivals: dict[str, list[tuple[Any, int, int]]] = {}
        for date, person, item, quantity in sorted(
            zip(table["date"], _numbers(table[who]), table["ppe"], _whole(table["qty"]), strict=True)
        ):
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
        """Take it from the oldest; the days that its units lay idle, summed."""
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
    asked = book.requests.assign(rec=_numbers(book.requests["rec_id"])).groupby(["rec", "ppe"])["qty"].sum()
    received = table.groupby(["rec", "ppe"])["qty"].sum().reindex(asked.index, fill_value=0)
    fill = (received / asked).clip(upper=1).groupby("ppe").mean().mean()
    units, donors = int(table["qty"].sum()), int(table["don"].nunique())
    miles = float((book.miles[table["don"], table["rec"]] * table["qty"]).sum() / units)
    shipments = len(table.drop_duplicates(["don", "rec", "date"])) / donors
    # Quantities beyond any use, up to 10^10, would drown all others: what is asked for counts up to the largest gift.
    weighted = float(received.clip(upper=MOST).sum() / asked.clip(upper=MOST).sum())
    return Outcome(float(fill), miles, float(table["days"].sum() / units), shipments, units, donors, weighted)


def by_framework(book: Book, strategy: Strategy) -> Outcome:
    """The same by the package's own framework and metrics."""
    framework = TestingFramework.__new__(TestingFramework)
    framework.all_donors, framework.all_recipients = book.gifts.copy(), book.requests.copy()
    pairs = pd.read_csv(DATA / "anon_distance_matrix.csv")
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


BASELINES: dict[str, Strategy] = {"first come": FCFM_strategy, "proximity": proximity_match_strategy}


def variant(book: Book, seed: int) -> Book:
    """A bootstrapped season: as many gifts and requests as in the real one, drawn from them with replacement."""
    draw = np.random.default_rng(seed)
    gifts, requests = (
        table.iloc[np.sort(draw.integers(0, len(table), len(table)))].reset_index(drop=True) for table in (book.gifts, book.requests)
    )
    return Book(gifts, requests, book.miles)
