"""Search of regions by the way to them: 遂宁市蓬溪县, 遂宁 蓬溪, suining pengxi, sn px."""

from collections import defaultdict

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from chassis.data.bulk_sql import encode_array
from contracts import regions as edition
from users.regions.model import RegionSpelling
from users.regions.names import find_codes
from users.regions.spelling import LATIN, read_words, shorten, spell

MOST_BEGINNING = 2_000
"""The most spellings that are looked at because they begin with a word."""
MOST_AROUND, TOWN_DIGITS, COUNTY_DIGITS = 20, 9, 6
"""Villages are looked for below this many counties and towns at most."""
LEAST_OF_VILLAGE = 2
LEAST_BEGINNING = 3
"""A shorter word in Latin letters is looked for as initials alone."""

_SPELLED = select(RegionSpelling.key, RegionSpelling.code)
_VILLAGES = text(
    """
    SELECT code, name FROM unnest(CAST(:around AS text[])) AS around (region)
    JOIN regions ON code > around.region COLLATE "C" AND code < around.region || '~' COLLATE "C" WHERE length(code) = 12
    """
)


def find_by_way(session: Session, asked: str, within: str, limit: int) -> list[str]:
    """Find the codes of regions that the last word names, inside those that the words before it name; wider ones come first.

    Words may stand without a space between them. A region may be named in full, without its kind of division, by a beginning, in pinyin or
    by initials; divisions in between may be left out. Villages are found by name, and by pinyin below a county or town that is named too.
    """
    words = read_words(asked)
    if not words:
        return []
    # The region that is searched may be named too.
    around = {within, edition.parent(within)} if within else {""}
    for word in words[:-1]:
        around = _step(session, word, around, is_last=False)[0]
        if not around:
            break
    exact, more = _step(session, words[-1], around, is_last=True) if around else (set(), set())
    found = [code for code in [*_wider_first(exact), *_wider_first(more - exact)] if code.startswith(within)]
    if len(found) < limit and not LATIN.match("".join(words)):
        named = find_codes(session, words[-1], within, limit)
        found += [code for code in named if code not in exact | more and (len(words) == 1 or _lies_in(code, around))]
    return found[:limit]


def _step(session: Session, word: str, around: set[str], is_last: bool) -> tuple[set[str], set[str]]:
    """Find what a word names inside these regions: those that it names exactly, and those that it begins to name.

    The word may name several divisions, one inside the other; it is read from its beginning on. A beginning counts in the middle of the
    words only where nothing is named exactly.
    """
    places = defaultdict[int, set[str]](set, {0: around})
    exact, more = set[str](), set[str]()
    while places:
        place = min(places)
        here, rest = places.pop(place), word[place:]
        for key, code in session.execute(_SPELLED.where(RegionSpelling.key.in_(_beginnings(rest)))):
            if _lies_in(code, here):
                (exact if key == rest else places[place + len(key)]).add(code)
        if not LATIN.match(rest) or len(rest) >= LEAST_BEGINNING:
            begun = _SPELLED.where(RegionSpelling.key.between(rest, rest + chr(0x10FFFF))).order_by(RegionSpelling.key)
            more |= {code for _, code in session.execute(begun.limit(MOST_BEGINNING)) if _lies_in(code, here)}
        if is_last and not exact:
            more |= _find_villages(session, rest, here)
    return (exact, more) if is_last else (exact or more, set())


def _beginnings(rest: str) -> list[str]:
    """List the beginnings of a text that may be the spelling of a region: two signs or more."""
    return [rest[:length] for length in range(2, len(rest) + 1)]


def _lies_in(code: str, around: set[str]) -> bool:
    return any(code[:length] in around for length in (0, 2, 4, 6, 9) if length < len(code))


def _find_villages(session: Session, word: str, around: set[str]) -> set[str]:
    """Find villages by name or pinyin below counties and towns, unless these are too many."""
    narrow = [code for code in around if len(code) in {COUNTY_DIGITS, TOWN_DIGITS}]
    if len(word) < LEAST_OF_VILLAGE or not 0 < len(narrow) <= MOST_AROUND:
        return set()
    rows = session.execute(_VILLAGES, {"around": encode_array(narrow)}).all()
    if not LATIN.match(word):
        return {row.code for row in rows if word in row.name}
    return {row.code for row in rows if _is_spelled(word, row.name)}


def _is_spelled(word: str, name: str) -> bool:
    pinyin, initials = spell(name)
    return (len(word) >= LEAST_BEGINNING and pinyin.startswith(word)) or word in {initials, spell(shorten(name))[1]}


def _wider_first(codes: set[str]) -> list[str]:
    return sorted(codes, key=lambda code: (len(code), code))
