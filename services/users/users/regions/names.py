"""Search of the regions' names, in memory.

The register never changes while a process runs. A character such as 村 is in half a million names, and no index of the database gives the
first twenty of them in order without reading all. Here the longest search takes milliseconds.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from contracts import regions as edition


class Names(NamedTuple):
    """All names in one text, one a line, with the start of each line and its code. Wider regions come first, then by code."""

    text: str
    starts: "array[int]"
    codes: "array[int]"


@cache
def load_names() -> Names:
    """Read the names of the edition, which takes about a second: a web process does so before it serves."""
    names = sorted((int(code), name) for code, name in edition.rows())
    starts, end = array("I"), 0
    for _, name in names:
        starts.append(end)
        end += len(name) + 1
    return Names("\n".join(name for _, name in names), starts, array("Q", (code for code, _ in names)))


def find_codes(name: str, within: str, limit: int) -> list[str]:
    """Find the codes of the first regions inside `within`, itself included, that have `name` in their present or former name."""
    former = {code for _, old_name, code in edition.aliases() if name in old_name and code.startswith(within)}
    today = set(_find_present(name, within, limit)) if "\n" not in name else set()
    return sorted(former | today, key=lambda code: (len(code), code))[:limit]


def _find_present(name: str, within: str, limit: int) -> Iterator[str]:
    text, starts, codes = load_names()
    for first, behind in _lines_within(within, codes):
        end = starts[behind] if behind < len(starts) else len(text)
        place = text.find(name, starts[first], end) if first < behind else -1
        while place >= 0:
            line = bisect_left(starts, place + 1) - 1
            yield str(codes[line])
            limit -= 1
            if not limit:
                return
            place = text.find(name, starts[line + 1], end) if line + 1 < behind else -1


def _lines_within(within: str, codes: "array[int]") -> Iterator[tuple[int, int]]:
    """Yield the range of lines of each level inside the region."""
    for digits in edition.LEVELS:
        if digits >= len(within):
            first = int(within.ljust(digits, "0"))
            yield bisect_left(codes, max(first, 10 ** (digits - 1))), bisect_left(codes, int(within.ljust(digits, "9")) + 1)
