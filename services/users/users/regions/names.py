"""Search of the regions' names, in memory.

A character such as 村 is in half a million names, and no index of the database gives the first twenty of them in order without reading
all. Here the longest search takes milliseconds. The names are read again when another edition was imported.
"""

import threading
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from functools import cache
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts import regions as edition
from users.regions.model import Region, RegionChange, RegionImport

_newest: tuple[UUID, "Names", list[tuple[str, str, str]]] | None = None
_reading = threading.Lock()


class Names(NamedTuple):
    """All names in one text, one a line, with the start of each line and its code. Wider regions come first, then by code."""

    text: str
    starts: "array[int]"
    codes: "array[int]"


@cache
def load_names() -> Names:
    """Read the names of the shipped edition, which takes about a second: a web process does so before it serves."""
    return _arrange(edition.rows())


def find_codes(session: Session, name: str, within: str, limit: int) -> list[str]:
    """Find the codes of the first regions inside `within`, itself included, that have `name` in their present or a former name."""
    names, earlier = _current(session)
    former = {code for _, old_name, code in earlier if name in old_name and code.startswith(within)}
    today = set(_find_present(names, name, within, limit)) if "\n" not in name else set()
    return sorted(former | today, key=lambda code: (len(code), code))[:limit]


def _current(session: Session) -> tuple[Names, list[tuple[str, str, str]]]:
    """Return the names as of the newest import, with the former names: old code, old name and present code of each."""
    global _newest
    newest = session.scalar(select(RegionImport.id).order_by(RegionImport.id.desc()).limit(1))
    if newest is None:
        return load_names(), _shipped_former()
    with _reading:
        if _newest is None or _newest[0] != newest:
            rows = session.execute(select(Region.code, Region.name))
            changes = session.execute(
                select(RegionChange.code, RegionChange.name, RegionChange.successors).where(RegionChange.valid_until.is_not(None))
            )
            ended = [(code, name, after) for code, name, successors in changes for after in successors]
            _newest = newest, _arrange(rows), [*_shipped_former(), *ended]
        return _newest[1], _newest[2]


@cache
def _shipped_former() -> list[tuple[str, str, str]]:
    return [(one.code, one.name, code) for one in edition.former().values() if one.valid_until for code in one.successors]


def _arrange(rows: Iterable[tuple[str, str]]) -> Names:
    names = sorted((int(code), name) for code, name in rows)
    starts, end = array("I"), 0
    for _, name in names:
        starts.append(end)
        end += len(name) + 1
    return Names("\n".join(name for _, name in names), starts, array("Q", (code for code, _ in names)))


def _find_present(names: Names, name: str, within: str, limit: int) -> Iterator[str]:
    text, starts, codes = names
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
