"""Rules of a clearing: which pledges each need is eligible for, and what is left after an allocation."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar
from uuid import UUID

from matching.allocation.score import Demand, Key, list_fitting_keys
from matching.allocation.solver import Share, Supply
from matching.refusals.rules import AREA_LENGTHS, find_excluded_area

S = TypeVar("S", bound=Supply)
UNLIMITED = 2**62


class Eligibility:
    """The needs of a clearing, grouped by the pledges that fit them.

    `refused` are rows of barred pairs: need_id, pledge_id, and the category, unit, scope and `not_for` of the pledge. `without` are pairs
    of need and key that are worth too little. Exclusions are computed once for all pledges with the same words in `not_for`.
    """

    def __init__(self, needs: Iterable[Demand], refused: Iterable[Any], without: Collection[tuple[UUID, Key]] = ()) -> None:
        self.needs = {need.id: need for need in needs}
        self.by_key: dict[Key, list[Demand]] = defaultdict(list)
        for need in self.needs.values():
            for key in list_fitting_keys(need):
                if not without or (need.id, key) not in without:
                    self.by_key[key].append(need)
        self._refused: dict[UUID, set[UUID]] = defaultdict(set)
        self._refused_pledges: dict[UUID, Any] = {}
        for row in refused:
            if row.need_id in self.needs:
                self._refused[row.pledge_id].add(row.need_id)
                self._refused_pledges[row.pledge_id] = row
        self._excluded: dict[frozenset[str], frozenset[UUID]] = {frozenset(): frozenset()}

    @cached_property
    def _by_word(self) -> Mapping[str, set[UUID]]:
        found: dict[str, set[UUID]] = defaultdict(set)
        for need in self.needs.values():
            for word in (*(need.region[:length] for length in AREA_LENGTHS), need.category):
                found[word].add(need.id)
        return found

    def excluded_needs(self, pledge_id: UUID, not_for: Collection[str]) -> frozenset[UUID]:
        """Return the needs that must not get this pledge. Pledges whose words exclude the same needs share one set."""
        words = frozenset(word for word in not_for if word in self._by_word) if not_for else frozenset()
        excluded = self._excluded.get(words)
        if excluded is None:
            excluded = self._excluded[words] = frozenset().union(*(self._by_word[word] for word in words))
        return excluded | self._refused[pledge_id] if pledge_id in self._refused else excluded

    def exclusions_by_pledge(self, pledges: Iterable[Any]) -> dict[UUID, frozenset[UUID]]:
        """Map each restricted pledge to the needs that must not get it; pledges without restriction are left out."""
        restricted = (row for row in pledges if row.not_for or (self._refused and row.id in self._refused))
        return {row.id: excluded for row in restricted if (excluded := self.excluded_needs(row.id, row.not_for))}

    def excludes_any(self, not_for: Collection[str]) -> bool:
        """Tell whether these words exclude any of the needs."""
        return any(word in self._by_word for word in not_for)

    def needs_for_key(self, key: Key) -> set[UUID]:
        """Return the needs that pledges of this key fit."""
        return {need.id for need in self.by_key.get(key, ())}

    def useless_pledges(self) -> Mapping[Key, list[UUID]]:
        """Return, by key, the refused pledges that no need of this clearing may get."""
        found: dict[Key, list[UUID]] = defaultdict(list)
        for id_, row in self._refused_pledges.items():
            key, excluded = key_of_pledge(row), self.excluded_needs(id_, row.not_for)
            if all(need.id in excluded for need in self.by_key.get(key, ())):
                found[key].append(id_)
        return found

    def demand_by_key(self) -> dict[Key, int]:
        """Sum the units that are needed of each key; unlimited for keys with refused pledges, since some needs cannot use those."""
        limitless = {key_of_pledge(row) for row in self._refused_pledges.values()}
        return {key: UNLIMITED if key in limitless else sum([need.rest for need in self.by_key[key]]) for key in sorted(self.by_key)}

    def distinctions(self, key: Key) -> dict[str, list[str]]:
        """List the areas and items by which refusal rules may tell the needs of a key apart.

        With several items, `places` and `things` list the pairs that occur.
        """
        together = sorted({(find_excluded_area(need.region, key[2]), need.category) for need in self.by_key[key]})
        areas, items = ([*dict.fromkeys(column)] for column in zip(*together, strict=True))
        if len(items) == 1:
            return {"areas": areas, "items": items}
        places, things = zip(*together, strict=True)
        return {"areas": areas, "items": items, "places": [*places], "things": [*things]}


def key_of_pledge(pledge: Any) -> Key:
    return pledge.category, pledge.unit, pledge.scope


def find_unmet(needs: Iterable[Demand], shares: Iterable[Share]) -> list[Demand]:
    """Return the needs that get less than they ask for."""
    given = Counter[UUID]()
    for share in shares:
        given[share.need] += share.quantity
    return [need for need in needs if given[need.id] < need.rest]


def find_left_over(pledges: Iterable[S], shares: Iterable[Share]) -> list[S]:
    """Return the pledges that are not used up."""
    taken = sum_by_pledge(shares)
    return [pledge for pledge in pledges if taken[pledge.id] < pledge.rest]


def sum_by_pledge(shares: Iterable[Share]) -> Counter[UUID]:
    """Sum the quantities that are taken of each pledge."""
    taken = Counter[UUID]()
    for share in shares:
        taken[share.pledge] += share.quantity
    return taken


def find_unchanged(rows: Sequence[Any], read: Mapping[UUID, Any], taken: Mapping[UUID, int]) -> dict[UUID, Any]:
    """Return, by id, the locked rows that are as they were read and still hold the quantity that is taken of them."""
    return {
        row.id: row
        for row in rows
        if (row.version, row.not_for) == (read[row.id].version, read[row.id].not_for) and row.rest >= taken[row.id]
    }
