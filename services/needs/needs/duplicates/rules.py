"""Rules of likeness: the keys of texts and photos, and how much alike two of them are. No rule needs a database."""

import re
import struct
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

from chassis.data.encryption import fingerprint

WINDOW = timedelta(days=90)
"""Needs further apart in time are not linked."""
LIST_WINDOW = timedelta(days=1)
"""The time in which a list of several institutions is entered."""
FEWEST_BIGRAMS = 12
"""A shorter text says too little to be compared."""
ALIKE = 0.75
"""Texts that have this share of their bigrams in common are alike (Jaccard)."""
MOST_BITS = 6
"""Photos whose looks differ in more of 64 bits are different."""
BANDS, ROWS = 4, 2
PHOTO_BANDS = 4
TEXT, PHOTO = 0, 1
"""The sources of a key."""

_SILENT = re.compile(r"[\W_]+")


def split_bigrams(text: str) -> frozenset[str]:
    """Split a text into pairs of neighbouring characters, without regard to punctuation, width and case."""
    plain = _SILENT.sub("", unicodedata.normalize("NFKC", text).lower())
    return frozenset(map(str.__add__, plain, plain[1:]))


def share_of_common(one: frozenset[str], other: frozenset[str]) -> float:
    """Return the share of bigrams that two texts have in common."""
    common = len(one & other)
    return common / (len(one) + len(other) - common) if one and other else 0.0


def are_alike(one: str, other: str) -> bool:
    """Tell whether two texts say nearly the same in the same words."""
    return bigrams_are_alike(split_bigrams(one), split_bigrams(other))


def bigrams_are_alike(one: frozenset[str], other: frozenset[str]) -> bool:
    """Tell whether two texts, split already, say nearly the same in the same words."""
    fewer, more = (len(one), len(other)) if len(one) <= len(other) else (len(other), len(one))
    # Texts of very different length cannot have enough in common.
    return fewer >= FEWEST_BIGRAMS and fewer >= ALIKE * more and share_of_common(one, other) >= ALIKE


def make_text_keys(text: str, county: str) -> list[int]:
    """Return the keys of a text within a county: texts that are alike have one of them in common, almost always (MinHash in bands)."""
    return make_keys_of_bigrams(split_bigrams(text), county, hash_bigram)


def make_keys_of_bigrams(bigrams: frozenset[str], county: str, hash_one: Callable[[str], Sequence[int]]) -> list[int]:
    """Return the keys of a text that is split already. `hash_one` is `hash_bigram`, or remembers what it has returned."""
    if len(bigrams) < FEWEST_BIGRAMS:
        return []
    least = [min(column) for column in zip(*map(hash_one, bigrams), strict=True)]
    parts = [struct.pack(f">{ROWS}I", *least[band * ROWS : (band + 1) * ROWS]) for band in range(BANDS)]
    return [_key(f"text {county} {band} ".encode() + part) for band, part in enumerate(parts)]


def hash_bigram(bigram: str) -> Sequence[int]:
    """Return the keyed hash of a bigram as one number for each row of each band."""
    return struct.unpack(f">{BANDS * ROWS}I", fingerprint(f"bigram {bigram}"))


def make_photo_keys(exact: bytes, look: int | None) -> list[int]:
    """Return the keys of a photo: of its bytes, and of each quarter of its look."""
    keys = [_key(b"photo " + exact)]
    return keys + [_key(f"look {band} {part}".encode()) for band, part in enumerate(_parts(look))]


def look_alike(one: int | None, other: int | None) -> bool:
    """Tell whether two looks differ in a few bits at most."""
    return one is not None and other is not None and (one ^ other).bit_count() <= MOST_BITS


def to_signed(look: int) -> int:
    """Return an unsigned number of 64 bits as the signed one that a column holds."""
    return look - 2**64 if look >= 2**63 else look


def _parts(look: int | None) -> Iterator[int]:
    bits = 64 // PHOTO_BANDS
    if look is not None:
        yield from ((look >> (band * bits)) & (2**bits - 1) for band in range(PHOTO_BANDS))


def _key(value: bytes) -> int:
    return int.from_bytes(fingerprint(value)[:8], signed=True)
