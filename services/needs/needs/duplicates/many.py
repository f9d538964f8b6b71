"""Links of many needs that are posted at once: a few statements for all of them."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.data.audit_log import id_at
from chassis.data.bulk_sql import copy_plain_rows, encode_array
from chassis.data.database import now, without_table_scans
from chassis.data.encryption import plain_rows
from needs.duplicates import rules
from needs.duplicates.actions import COUNTY_DIGITS, lock_keys
from needs.duplicates.model import Band, Link
from needs.duplicates.queries import MOST_LINKS
from needs.model import Need

Found = tuple[UUID, UUID, str]
"""A new need, another one, and their likeness."""
_SAME_ITEM = text(
    f"""
    SELECT wanted.household_id, wanted.category, found.id
    FROM unnest(CAST(:households AS uuid[]), CAST(:categories AS text[])) AS wanted (household_id, category)
    CROSS JOIN LATERAL (
        SELECT id FROM needs WHERE needs.household_id = wanted.household_id AND needs.category = wanted.category COLLATE "C"
            AND needs.id > :since AND state <> 'withdrawn' ORDER BY id DESC LIMIT {MOST_LINKS}
    ) AS found
    """
)
_SAME_LINE = text(
    f"""
    SELECT wanted.household_id, wanted.category, wanted.quantity, found.id
    FROM unnest(CAST(:households AS uuid[]), CAST(:categories AS text[]), CAST(:quantities AS bigint[]))
        AS wanted (household_id, category, quantity)
    CROSS JOIN LATERAL (
        SELECT id FROM needs WHERE of_institution AND poster_id = :poster AND needs.category = wanted.category COLLATE "C"
            AND needs.quantity = wanted.quantity AND needs.household_id <> wanted.household_id
            AND needs.id > :since AND state <> 'withdrawn' ORDER BY id DESC LIMIT {MOST_LINKS}
    ) AS found
    """
)
# One row for each stored need, with the keys by which it was found, the newest first.
_SHARING = text(
    f"""
    SELECT sharing.need_id AS id, keys, state, reason FROM (
        SELECT found.need_id, array_agg(wanted.key) AS keys FROM unnest(CAST(:keys AS bigint[])) AS wanted (key)
        CROSS JOIN LATERAL (
            SELECT need_id FROM need_bands WHERE need_bands.key = wanted.key AND need_id > :since ORDER BY need_id DESC LIMIT {MOST_LINKS}
        ) AS found GROUP BY found.need_id
    ) AS sharing
    CROSS JOIN LATERAL (SELECT state, reason FROM needs WHERE needs.id = sharing.need_id LIMIT 1) AS need
    WHERE state <> 'withdrawn' ORDER BY sharing.need_id DESC
    """
)


def link_needs(session: Session, needs: Sequence[Any]) -> None:
    """Link new needs of one poster with those that look like them, stored ones and one another. They are stored afterwards.

    Lines of one household in the same words are no doubt: their list states one reason for all.
    """
    texts = _Texts(needs)
    lock_keys(session, [key for keys in texts.keys for key in keys])
    found = [*_find_same_item(session, needs), *_find_same_line(session, needs), *texts.find_alike(session)]
    at = now().isoformat()
    links = [(need_id, other_id, likeness, at) for need_id, other_id, likeness in found]
    if links:
        copy_plain_rows(session, Link.__tablename__, ("need_id", "other_id", "likeness", "linked_at"), links)
    if bands := list(texts.list_bands()):
        copy_plain_rows(session, Band.__tablename__, ("key", "need_id", "source"), bands)


def _find_same_item(session: Session, needs: Sequence[Any]) -> Iterator[Found]:
    pairs = sorted({(need.household_id, need.category) for need in needs})
    households, categories = zip(*pairs, strict=True)
    asked = {"households": encode_array(households), "categories": encode_array(categories), "since": id_at(now() - rules.WINDOW)}
    before: dict[tuple[UUID, str], list[UUID]] = defaultdict(list)
    for row in session.execute(_SAME_ITEM, asked):
        before[row.household_id, row.category].insert(0, row.id)
    for need in needs:
        mates = before[need.household_id, need.category]
        yield from ((need.id, other, "same_item") for other in mates[-MOST_LINKS:])
        mates.append(need.id)


def _find_same_line(session: Session, needs: Sequence[Any]) -> Iterator[Found]:
    lines = [need for need in needs if need.of_institution]
    if not lines:
        return
    wanted = sorted({(need.household_id, need.category, need.quantity) for need in lines})
    households, categories, quantities = (encode_array(one) for one in zip(*wanted, strict=True))
    asked = {"households": households, "categories": categories, "quantities": quantities, "poster": lines[0].poster_id}
    before: dict[tuple[UUID, str, int], list[UUID]] = defaultdict(list)
    for row in session.execute(_SAME_LINE, asked | {"since": id_at(now() - rules.LIST_WINDOW)}):
        before[row.household_id, row.category, row.quantity].insert(0, row.id)
    here: dict[tuple[str, int], list[Any]] = defaultdict(list)
    for need in lines:
        others = [one.id for one in here[need.category, need.quantity] if one.household_id != need.household_id]
        mates = [*before[need.household_id, need.category, need.quantity], *others]
        yield from ((need.id, other, "same_line") for other in mates[-MOST_LINKS:])
        here[need.category, need.quantity].append(need)


class _Texts:
    """The different reasons of new needs within their counties. Each is compared once, however many needs state it."""

    def __init__(self, needs: Sequence[Any]) -> None:
        self._needs: dict[tuple[str, str], list[Any]] = defaultdict(list)
        for need in needs:
            self._needs[need.region[:COUNTY_DIGITS], need.reason].append(need)
        self._bigrams = [rules.split_bigrams(reason) for _, reason in self._needs]
        self._stating = list(self._needs.values())
        hash_bigram = cache(rules.hash_bigram)
        self.keys = [
            rules.make_keys_of_bigrams(bigrams, county, hash_bigram)
            for bigrams, (county, _) in zip(self._bigrams, self._needs, strict=True)
        ]

    def find_alike(self, session: Session) -> Iterator[Found]:
        """Find the needs in nearly the same words. The first need of each reason is linked with others, the rest with that first one."""
        for place, others in sorted(self._load_alike(session).items()):
            yield from ((self._stating[place][0].id, other, "same_text") for other in others)
        places: dict[int, list[int]] = defaultdict(list)
        for place, keys in enumerate(self.keys):
            for other in dict.fromkeys(other for key in keys for other in places[key][-MOST_LINKS:]):
                if rules.bigrams_are_alike(self._bigrams[place], self._bigrams[other]):
                    yield self._stating[place][0].id, self._stating[other][0].id, "same_text"
            for key in keys:
                places[key].append(place)
        for first, *more in (stating for stating, keys in zip(self._stating, self.keys, strict=True) if keys):
            yield from ((need.id, first.id, "same_text") for need in more if need.household_id != first.household_id)

    def list_bands(self) -> Iterator[tuple[int, UUID, int]]:
        """List the keys to store: of one household, its first need of each reason bears them."""
        for stating, keys in zip(self._stating, self.keys, strict=True):
            firsts = {need.household_id: need for need in reversed(stating)}
            yield from ((key, need.id, rules.TEXT) for need in firsts.values() for key in dict.fromkeys(keys))

    def _load_alike(self, session: Session) -> dict[int, list[UUID]]:
        """Load the newest stored needs in nearly the same words, by the place of the reason. Each stored text is read and compared once."""
        places: dict[int, list[int]] = defaultdict(list)
        for place, keys in enumerate(self.keys):
            for key in dict.fromkeys(keys):
                places[key].append(place)
        if not places:
            return {}
        split = cache(rules.split_bigrams)
        alike: dict[int, list[UUID]] = defaultdict(list)
        seen = dict[tuple[int, str], bool]()
        asked = {"keys": encode_array(places), "since": id_at(now() - rules.WINDOW)}
        with without_table_scans(session):
            stored = session.execute(_SHARING, asked).all()
        for row in plain_rows(Need, stored):
            for place in dict.fromkeys(place for key in row.keys for place in places[key]):
                if len(alike[place]) < MOST_LINKS:
                    pair = place, row.reason
                    if pair not in seen:
                        seen[pair] = rules.bigrams_are_alike(split(row.reason), self._bigrams[place])
                    if seen[pair]:
                        alike[place].append(row.id)
        return alike
