"""The package's two strategies in arrays, rule by rule; its own framework needs most of an hour for a season."""

import numpy as np

from bench.quality.getusppe import Book, Chosen, Whole


class FirstCome:
    """The first donor for the first recipient, the second for the second, in the order of the framework's tables."""

    def choose(self, item: str, donors: Whole, gifts: Whole, recipients: Whole, requests: Whole) -> Chosen:
        pairs = zip(_as_text(donors), _as_text(recipients), strict=False)
        return [(giver, taker, int(min(gifts[giver], requests[taker]))) for giver, taker in pairs]


class Proximity:
    """Every donor in turn for the nearest remaining recipient, the first of equally near ones."""

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
    """Return the rows by their ids as text, the framework's order."""
    return sorted(range(len(numbers)), key=lambda row: str(numbers[row]))
