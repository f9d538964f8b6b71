"""Search of the regions' names, in memory.

A character such as 村 is in half a million names, and no index of the database gives the first twenty of them in order without reading
all. Here the longest search takes milliseconds. What imports changed lies on top.
"""

from array import array
from bisect import bisect_left
from collections.abc import Container, Iterator
from functools import cache
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts import regions as edition
from users.regions.model import RegionChange, RegionImport


class Names(NamedTuple):
    """All names in one text, one a line, with the start of each line and its code. Wider regions come first, then by code."""

    text: str
    starts: "array[int]"
    codes: "array[int]"


class Changes(NamedTuple):
    """Changes after the shipped edition, as of an import: the names of changed codes that count, all changed codes, and former names.

    A former name stands with the present code of its area.
    """

    newest: UUID | None
    names: dict[str, str]
    codes: frozenset[str]
    former: list[tuple[str, str]]


_known: Changes | None = None


@cache
def load_names() -> Names:
    """Read the names of the shipped edition, which takes about a second: a web process does so before it serves."""
    names = sorted((int(code), name) for code, name in edition.rows())
    starts, end = array("I"), 0
    for _, name in names:
        starts.append(end)
        end += len(name) + 1
    return Names("\n".join(name for _, name in names), starts, array("Q", (code for code, _ in names)))


def find_codes(session: Session, name: str, within: str, limit: int) -> list[str]:
    """Find the codes of the first regions inside `within`, itself included, that have `name` in their present or former name."""
    changes = _load_changes(session)
    found = {code for old_name, code in changes.former if name in old_name and code.startswith(within)}
    found |= {code for code, new_name in changes.names.items() if name in new_name and code.startswith(within)}
    found |= set(_find_present(name, within, limit, changes.codes)) if "\n" not in name else set()
    return sorted(found, key=lambda code: (len(code), code))[:limit]


def _load_changes(session: Session) -> Changes:
    """Load the changes, unless they are known as of the newest import."""
    global _known
    newest = session.scalar(select(RegionImport.id).order_by(RegionImport.id.desc()).limit(1))
    if _known is None or _known.newest != newest:
        former = [(one.name, code) for one in edition.former().values() if one.valid_until for code in one.successors]
        changed = session.scalars(select(RegionChange)).all() if newest else []
        former += [(one.name, code) for one in changed if one.valid_until for code in one.successors]
        names = {one.code: one.name for one in changed if one.valid_until is None}
        _known = Changes(newest, names, frozenset(one.code for one in changed), former)
    return _known


def _find_present(name: str, within: str, limit: int, changed: Container[str]) -> Iterator[str]:
    text, starts, codes = load_names()
    for first, behind in _lines_within(within, codes):
        end = starts[behind] if behind < len(starts) else len(text)
        place = text.find(name, starts[first], end) if first < behind else -1
        while place >= 0:
            line = bisect_left(starts, place + 1) - 1
            code = str(codes[line])
            if code not in changed:
                yield code
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
