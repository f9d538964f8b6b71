"""Who of a clearing's needs may get something of which pledges: by what fits, what was refused, and what was learnt from that."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from typing import Any
from uuid import UUID

from matching.allocation.score import Demand, Key, keys_of
from matching.refusals.conditions import AREA_LENGTHS, find_excluded_area

UNLIMITED = 2**62


class Eligibility:
    """The needs of a clearing by what they fit; `refused` are rows (need_id, and the pledge it is never proposed to, with its key).

    What a lesson bars is worked out once for all pledges that bear the same words, never pair by pair. `without` are the keys that are
    worth too little to a need.
    """

    def __init__(self, needs: Iterable[Demand], refused: Iterable[Any], without: Collection[tuple[UUID, Key]] = ()) -> None:
        self.needs = {need.id: need for need in needs}
        self.by_key: dict[Key, list[Demand]] = defaultdict(list)
        for need in self.needs.values():
            for key in keys_of(need):
                if not without or (need.id, key) not in without:
                    self.by_key[key].append(need)
        self._refused: dict[UUID, set[UUID]] = defaultdict(set)
        self._refusing: dict[UUID, Any] = {}
        for row in refused:
            if row.need_id in self.needs:
                self._refused[row.pledge_id].add(row.need_id)
                self._refusing[row.pledge_id] = row
        self._learnt: dict[frozenset[str], frozenset[UUID]] = {frozenset(): frozenset()}

    @cached_property
    def _by_word(self) -> Mapping[str, set[UUID]]:
        found: dict[str, set[UUID]] = defaultdict(set)
        for need in self.needs.values():
            for word in (*(need.region[:length] for length in AREA_LENGTHS), need.category):
                found[word].add(need.id)
        return found

    def excluded_needs(self, pledge_id: UUID, not_for: Collection[str]) -> frozenset[UUID]:
        """The needs that a pledge is not for; one and the same set for all that bear words of the same meaning here."""
        words = frozenset(word for word in not_for if word in self._by_word) if not_for else frozenset()
        learnt = self._learnt.get(words)
        if learnt is None:
            learnt = self._learnt[words] = frozenset().union(*(self._by_word[word] for word in words))
        return learnt | self._refused[pledge_id] if pledge_id in self._refused else learnt

    def exclusions_by_pledge(self, pledges: Iterable[Any]) -> dict[UUID, frozenset[UUID]]:
        """Of each pledge that is not for everybody: for whom it is not."""
        some = (row for row in pledges if row.not_for or (self._refused and row.id in self._refused))
        return {row.id: barred for row in some if (barred := self.excluded_needs(row.id, row.not_for))}

    def excludes_any(self, not_for: Collection[str]) -> bool:
        """Whether a pledge that bears these words is not for some of the needs."""
        return any(word in self._by_word for word in not_for)

    def needs_for_key(self, key: Key) -> set[UUID]:
        """The needs that a key fits."""
        return {need.id for need in self.by_key.get(key, ())}

    def useless_pledges(self) -> Mapping[Key, list[UUID]]:
        """Pledges of each key that somebody of these needs refused, and that are barred for all the others who want the key."""
        found: dict[Key, list[UUID]] = defaultdict(list)
        for id_, row in self._refusing.items():
            key, barred = key_of_pledge(row), self.excluded_needs(id_, row.not_for)
            if all(need.id in barred for need in self.by_key.get(key, ())):
                found[key].append(id_)
        return found

    def demand_by_key(self) -> dict[Key, int]:
        """How many units are wanted of each key. What was refused by some may be no help to the others: of such a key, everything."""
        particular = {key_of_pledge(row) for row in self._refusing.values()}
        return {key: UNLIMITED if key in particular else sum([need.rest for need in self.by_key[key]]) for key in sorted(self.by_key)}

    def distinctions(self, key: Key) -> dict[str, list[str]]:
        """The areas and the items of those who want a key, as far as lessons tell them apart; and which go together, if there are many."""
        together = sorted({(find_excluded_area(need.region, key[2]), need.category) for need in self.by_key[key]})
        areas, items = ([*dict.fromkeys(column)] for column in zip(*together, strict=True))
        if len(items) == 1:
            return {"areas": areas, "items": items}
        places, things = zip(*together, strict=True)
        return {"areas": areas, "items": items, "places": [*places], "things": [*things]}


def key_of_pledge(pledge: Any) -> Key:
    return pledge.category, pledge.unit, pledge.scope
