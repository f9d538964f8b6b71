"""GetUsPPE's real requests and gifts, with our allocation and score as the strategy of the package's framework.

Source: ppe-match 0.1.4 (MIT).
"""

from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import ppe_match
from numpy.typing import NDArray

from matching.allocation.score import Demand, Weights
from matching.allocation.solver import Supply, allocate

Whole = NDArray[np.int64]
Chosen = list[tuple[int, int, int]]
"""Row of the gift, row of the request, quantity."""
DATA = Path(ppe_match.__file__).parent / "data"
MOST = 1000
WEEK = 7
ROUNDS = 4
"""A flow knows no price of a hand-over, only of a unit: each round spreads it over what the round before handed over (slope scaling)."""
SCALE = 10**10
"""What a whole need is worth, divided among all who ask for the same item: so the items count alike, as in the package's fill rate."""


@dataclass(frozen=True)
class Price:
    """Prices: the worth of a unit, the costs of a mile and of a hand-over. A hand-over worth less than `threshold` waits for a better need.

    A donor's first hand-over is cheaper by `first`, because donors who are never asked stay away. With `foresight` the requesters of
    the whole season are known; without it only those who asked so far.
    """

    unit: int = 30_000
    mile: int = 430
    hand_over: int = 2_300_000
    first: int = 400_000
    threshold: int = 1
    foresight: bool = True


@dataclass(frozen=True)
class Book:
    """Gifts and requests of a season by date, with the miles between donor and recipient."""

    gifts: pd.DataFrame
    requests: pd.DataFrame
    miles: NDArray[np.float32]


@cache
def read() -> Book:
    """Read the package's files without gifts above a thousand units, which its framework drops as errors."""
    gifts, requests = (_table(file) for file in ("anon_donors.csv", "anon_recipients.csv"))
    gifts = gifts[gifts["qty"] <= MOST]
    table = distances()
    donors, recipients = numbers(table["don_id"]), numbers(table["rec_id"])
    miles = np.full((donors.max() + 1, recipients.max() + 1), np.inf, dtype=np.float32)
    miles[donors, recipients] = table["distance"]
    return Book(gifts, requests, miles)


@cache
def distances() -> pd.DataFrame:
    return pd.read_csv(DATA / "anon_distance_matrix.csv")


def _table(file: str) -> pd.DataFrame:
    table = pd.read_csv(DATA / file, index_col=0)
    table["date"] = pd.to_datetime(table["date"], format="ISO8601", utc=True)
    return table


def numbers(ids: "pd.Series[str]") -> Whole:
    return np.asarray(ids.str[3:], dtype=np.int64)


_NOTHING = Weights(**dict.fromkeys((one.name for one in fields(Weights)), 0))


class Ours:
    """Our allocation as a strategy: a need counts once whatever it asks for, near before far, few hand-overs."""

    def __init__(self, book: Book, price: Price) -> None:
        self._book, self._price = book, price
        whole = book.requests.drop_duplicates(["rec_id", "ppe"])["ppe"].value_counts()
        self._requesters: dict[str, int] = {str(item): int(count) for item, count in whole.items()} if price.foresight else {}
        self._seen: dict[str, set[int]] = {}
        self._asked: set[int] = set()

    def choose(self, item: str, donors: Whole, gifts: Whole, recipients: Whole, requests: Whole) -> Chosen:
        """Return the week's hand-overs of an item."""
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
            Demand(names[shift + row], item, "piece", "", 1, 0, int(requests[row]))
            for row in sorted(set(takers.tolist()))
        ]  # fmt: skip
        pledges = [Supply(names[row], (item, "piece", ""), int(gifts[row])) for row in sorted(set(givers.tolist()))]
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
        """Return the hand-overs in the form that the package's framework expects."""
        rows: list[list[Any]] = []
        for item in sorted(set(gifts["ppe"]) & set(requests["ppe"])):
            mine, theirs = gifts[gifts["ppe"] == item], requests[requests["ppe"] == item]
            columns = numbers(mine["don_id"]), whole_units(mine["qty"]), numbers(theirs["rec_id"]), whole_units(theirs["qty"])
            for giver, taker, quantity in self.choose(item, *columns):
                rows.append([mine["don_id"].iloc[giver], theirs["rec_id"].iloc[taker], item, float(quantity)])
        return pd.DataFrame(rows, columns=["don_id", "rec_id", "ppe", "qty"])


def whole_units(quantities: "pd.Series[float]") -> Whole:
    return np.asarray(quantities.round(), dtype=np.int64)


def variant(book: Book, seed: int) -> Book:
    """Return a bootstrapped season: as many gifts and requests as in the real one, drawn with replacement."""
    draw = np.random.default_rng(seed)
    gifts, requests = (
        table.iloc[np.sort(draw.integers(0, len(table), len(table)))].reset_index(drop=True) for table in (book.gifts, book.requests)
    )
    return Book(gifts, requests, book.miles)
