"""The package's own two strategies, rule by rule in arrays: by its framework a season of theirs takes most of an hour."""

import numpy as np

from bench.quality.getusppe import Book, Chosen, Whole


class FirstCome:
    """The first donor for the first recipient, the second for the second, in the order of the framework's tables."""

    def choose(self, item: str, donors: Whole, gifts: Whole, recipients: Whole, requests: Whole) -> Chosen:
        pairs = zip(_as_text(donors), _as_text(recipients), strict=False)
        return [(giver, taker, int(min(gifts[giver], requests[taker]))) for giver, taker in pairs]


class Proximity:
    """Every donor in turn for the nearest recipient of those that are left; of equally near ones, and there are many, for the first."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def choose(self, item: str, donors: Whole, gifts: Whole, recipients: Whole, requests: Whole) -> Chosen:
        miles = self._book.miles[np.ix_(donors, recipients)]
        rest = requests.copy()
        chosen = []
        for giver in _as_text(donors):
            if not rest.any():
                break
            taker = int(np.where(rest > 0, miles[giver], np.inf).argmin())
            quantity = int(min(gifts[giver], rest[taker]))
            rest[taker] -= quantity
            chosen.append((giver, taker, quantity))
        return chosen


def _as_text(numbers: Whole) -> list[int]:
    """Rows in the order of their ids as text, as the framework groups them."""
    return sorted(range(len(numbers)), key=lambda row: str(numbers[row]))
