"""Pinyin as people type it: without tones and separators, and matched with names by characters, readings or initials."""

import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from pypinyin import Style, pinyin

SKIPPED = frozenset(" ·'’-")
"""Characters that may be typed or left out between the parts of a name."""
SURNAMES = {"单": "shan", "仇": "qiu", "解": "xie", "查": "zha", "任": "ren", "朴": "piao", "盖": "ge", "区": "ou", "繁": "po", "黑": "he"}
"""Readings of surnames that dictionaries of words may not list."""
LONGEST_SYLLABLE = 6


def matches(name: str, typed: str) -> bool:
    """Tell whether the typed text stands in the name: `守田`, `shoutian`, `st`, `shou t` and `黄st` all find 黄守田."""
    wanted, letters = normalise(typed), [character for character in name if character not in SKIPPED]
    return bool(wanted) and any(_begins(letters[start:], wanted) for start in range(len(letters)))


def normalise(typed: str) -> str:
    """Return typed text in lower case, without tones and what separates syllables; `ü` is written `v`."""
    # Taken apart first: ü may carry a tone mark of its own.
    parts = unicodedata.normalize("NFD", typed.lower()).replace("u\u0308", "v").replace("u:", "v")
    return "".join(one for one in parts if one not in SKIPPED and not unicodedata.combining(one))


def _begins(letters: list[str], wanted: str) -> bool:
    """Tell whether the letters, each by itself or by one of its readings, begin with the wanted text; the last may be typed in part."""
    if not wanted:
        return True
    if not letters:
        return False
    first, rest = letters[0], letters[1:]
    for spelling in _spellings(first):
        if spelling.startswith(wanted):
            return True
        if wanted.startswith(spelling) and _begins(rest, wanted[len(spelling) :]):
            return True
    return False


@lru_cache(10_000)
def _spellings(character: str) -> tuple[str, ...]:
    """Return what may be typed for a character: itself, its readings, and their first letters."""
    return tuple(dict.fromkeys([normalise(character) or character, *_readings(character)]))


def _readings(character: str) -> Iterator[str]:
    [readings] = pinyin(character, style=Style.NORMAL, heteronym=True, v_to_u=False, errors="ignore") or [[]]
    for reading in [*readings, *([SURNAMES[character]] if character in SURNAMES else [])]:
        if reading and reading.isascii() and len(reading) <= LONGEST_SYLLABLE:
            yield reading
            yield reading[0]
            if reading[:2] in {"zh", "ch", "sh"}:
                yield reading[:2]
