"""Resolution of division codes: a present code stays, an earlier one leads to its successor or is refused with those it may be."""

from collections.abc import Callable, Collection, Mapping
from typing import Literal, NamedTuple

from contracts import regions


class Change(NamedTuple):
    """A code that changed after the shipped edition: listed or renamed while `ended` is empty, else ended in favour of `successors`."""

    name: str
    ended: str
    successors: tuple[str, ...]


class Resolution(NamedTuple):
    """The outcome of resolving a code.

    `present`: `code` counts. `ended`: `former`, the code itself or one around it, does not count; `code` is empty, and `successors` are the
    codes, with their names, among which somebody has to choose. `unknown`: nothing is known of the code.
    """

    state: Literal["present", "ended", "unknown"]
    code: str = ""
    former: str = ""
    name: str = ""
    ended: str = ""
    successors: tuple[tuple[str, str], ...] = ()


Lookup = Callable[[Collection[str]], Mapping[str, Change]]
"""Finds the changes of these codes, as far as there are any."""
UNKNOWN = Resolution("unknown")
_PADDED = 6


def no_changes(_: Collection[str]) -> Mapping[str, Change]:
    """Find no changes: the shipped edition holds as it is."""
    return {}


def resolve(code: str, find_changes: Lookup = no_changes) -> Resolution:
    """Resolve a code. One that was succeeded by exactly one code, or is padded with zeros, is `present` under its present code.

    A code below an ended one is never guessed from its last digits: it is `ended`, and `former` is the code around it.
    """
    if not regions.is_shaped(code):
        return UNKNOWN if code else Resolution("present")
    around = regions.ancestors(code)
    changes = find_changes([code, *around])
    if _is_present(code, changes):
        return Resolution("present", code)
    if _is_ended(code, changes):
        found = _follow(code, changes, find_changes)
        return Resolution("present", found.successors[0][0]) if found.state == "present" else found
    if padded := _without_padding(code):
        return resolve(padded, find_changes)
    nearest = next((one for one in reversed(around) if _is_ended(one, changes) or _is_present(one, changes)), "")
    if not nearest or not _is_ended(nearest, changes):
        return UNKNOWN
    return _follow(nearest, changes, find_changes)._replace(state="ended")


def _follow(code: str, changes: Mapping[str, Change], find_changes: Lookup) -> Resolution:
    """Follow an ended code to those that count now; `present` when there is exactly one and no branch ends without a successor."""
    known, seen, finals, is_whole = dict(changes), {code}, dict[str, str](), True
    waiting = [code]
    while waiting:
        following = [after for one in waiting for after in _successors(one, known)]
        is_whole = is_whole and all(_successors(one, known) for one in waiting)
        fresh = [one for one in dict.fromkeys(following) if one not in seen]
        seen.update(fresh)
        known.update(find_changes(fresh) if fresh else {})
        waiting = [one for one in fresh if _is_ended(one, known)]
        finals |= {one: _name(one, known) for one in fresh if one not in waiting}
    state: Literal["present", "ended"] = "present" if is_whole and len(finals) == 1 else "ended"
    row = known.get(code)
    old = regions.former().get(code)
    name, ended = (row.name, row.ended) if row else (old.name, old.valid_until) if old else ("", "")
    return Resolution(state, "", code, name, ended, tuple(sorted(finals.items())))


def _is_present(code: str, changes: Mapping[str, Change]) -> bool:
    return not changes[code].ended if code in changes else regions.known(code)


def _is_ended(code: str, changes: Mapping[str, Change]) -> bool:
    if code in changes:
        return bool(changes[code].ended)
    return not regions.known(code) and regions.is_former(code)


def _successors(code: str, changes: Mapping[str, Change]) -> tuple[str, ...]:
    return changes[code].successors if code in changes else regions.successors(code)


def _name(code: str, changes: Mapping[str, Change]) -> str:
    return changes[code].name if code in changes else regions.name_of(code) or ""


def _without_padding(code: str) -> str:
    """Return the code without the zeros that pad it to 6, 9 or 12 digits, as 51 for 510000; "" when it has none."""
    lengths = [length for length in regions.LEVELS if length < len(code)] if len(code) >= _PADDED else []
    return next((code[:length] for length in lengths if not code[length:].strip("0")), "")
