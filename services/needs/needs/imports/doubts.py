"""Doubts about a list as a whole: quantities and names that a spreadsheet has filled in, and lines that ask for the same twice."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LEAST_ONES, LEAST_SERIES = 5, 3
_NUMBERED = re.compile(r"(.*?)([0-9]{1,6})\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Doubt:
    """A word about a line, by code; `row` is the other line that it is about, if any."""

    code: str
    row: int | None = None


def find_doubts(
    rows: Sequence[int], items: Sequence[str], quantities: Sequence[str], categories: Sequence[str | None]
) -> Mapping[int, list[Doubt]]:
    """Find the doubts about each row of a list by its number: `items` and `quantities` are as written, `categories` as matched."""
    found: dict[int, list[Doubt]] = {row: [] for row in rows}
    if len(rows) >= LEAST_ONES and {quantity.strip() for quantity in quantities} == {"1"}:
        for row in rows:
            found[row].append(Doubt("every_quantity_is_1"))
    for code, texts in (("item_series", items), ("quantity_series", quantities)):
        for start, end in _find_series(texts, with_text=code == "item_series"):
            for place in range(start, end):
                found[rows[place]].append(Doubt(code, rows[start]))
    first: dict[str, int] = {}
    for row, category in zip(rows, categories, strict=True):
        if category and category in first:
            found[row].append(Doubt("item_twice", first[category]))
        elif category:
            first[category] = row
    return found


def _find_series(texts: Sequence[str], *, with_text: bool) -> list[tuple[int, int]]:
    """Find runs of texts that end in numbers which rise by one, as N95, N96, N97: where each begins and ends."""
    parts = [(found[1].strip(), int(found[2])) if (found := _NUMBERED.match(text.strip())) else None for text in texts]
    runs, start = list[tuple[int, int]](), 0
    for place in range(1, len(texts) + 1):
        before, here = parts[place - 1], parts[place] if place < len(texts) else None
        if before and here and here[0] == before[0] and bool(here[0]) == with_text and here[1] == before[1] + 1:
            continue
        if place - start >= LEAST_SERIES:
            runs.append((start, place))
        start = place
    return runs
