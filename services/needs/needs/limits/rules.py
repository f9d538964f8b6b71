"""Rules of limits: the trust in a person, the limits that hold for them, and which one a pledge or a need would pass."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from chassis.http.auth import Caller
from chassis.problems import Problem
from chassis.wording import measure_of
from needs.catalogue import catalogue
from needs.catalogue.rules import words_of
from needs.limits.defaults import Key, default_limits, size_of_unit
from needs.limits.labels import MEASURES
from needs.limits.problems import too_many_needs, too_many_pledges, too_many_posted, too_many_proposals, too_many_units

REGION_LENGTHS = (0, 2, 4, 6)
"""Lengths of the region codes that may have limits of their own: country, province, city, county."""

Limits = Mapping[str, int]
"""The limits of one person: the most that each allows."""


@dataclass(frozen=True)
class Giving:
    """The pledges of a giver in figures, including one pledge that is judged. The figures with `own` are those of this pledge alone.

    `outstanding` units are offered still, or promised and not yet received. A pledge is open as long as any of it is outstanding.
    """

    open_pledges: int
    outstanding: int
    own_outstanding: int
    proposals: int
    has_delivered: bool
    own_open: int = 1
    """The pledges that are judged together."""


@dataclass(frozen=True)
class Pledged:
    """A pledge of a giver in figures: the units that are outstanding, and the proposals that wait."""

    id: UUID
    category: str
    unit: str
    outstanding: int
    proposals: int

    def is_like(self, category: str, unit: str) -> bool:
        """Tell whether the pledge counts for an item: it is for the item, for a group with it, or for an item of the group."""
        mine, other = f"{self.category}.", f"{category}."
        return self.unit == unit and (mine.startswith(other) or other.startswith(mine))


@dataclass
class Room:
    """The most needs that a household may post within a day, and those that were posted."""

    most: int
    used: int


def sum_up(pledged: Sequence[Pledged], category: str, unit: str, own: Collection[UUID], *, has_delivered: bool) -> Giving:
    """Sum up what a giver has pledged of an item; `own` are the pledges that are judged."""
    alike = [one for one in pledged if one.is_like(category, unit)]
    return Giving(
        open_pledges=sum(one.outstanding > 0 for one in pledged),
        outstanding=sum(one.outstanding for one in alike),
        own_outstanding=sum(one.outstanding for one in alike if one.id in own),
        proposals=sum(one.proposals for one in pledged),
        has_delivered=has_delivered,
        own_open=sum(one.outstanding > 0 for one in pledged if one.id in own),
    )


def add_one(giving: Giving, quantity: int) -> Giving:
    """Return the figures with one more pledge of the item, which is judged."""
    more = replace(giving, open_pledges=giving.open_pledges + 1, outstanding=giving.outstanding + quantity)
    return replace(more, own_outstanding=quantity, own_open=1)


def find_trust(kind: str, *, has_delivered: bool, is_verified: bool) -> str:
    """Return the trust in a person: `verified`, `proven` or `new`. Staff are appointed, which verifies them."""
    if kind == "staff" or (is_verified and may_be_verified(kind)):
        return "verified"
    return "proven" if has_delivered else "new"


def may_be_verified(kind: str) -> bool:
    """Tell whether an administrator's verification raises the limits of this kind of giver."""
    return (kind, "verified", "units") in default_limits()


def choose_limits(kind: str, trust: str, region: str, sets: Mapping[str, Mapping[Key, int]]) -> Limits:
    """Return the limits of a kind and trust in a region: each as the nearest region has set it, else the default."""
    found = {limit: most for (a_kind, a_trust, limit), most in default_limits().items() if (a_kind, a_trust) == (kind, trust)}
    for own in reversed(list_enclosing_regions(region)):
        found |= {limit: most for (a_kind, a_trust, limit), most in sets.get(own, {}).items() if (a_kind, a_trust) == (kind, trust)}
    return found


def find_giving_problem(limits: Limits, giving: Giving, category: str, unit: str) -> Problem | None:
    """Return the limit that the judged pledge passes, or None. Limits of units are in units of the item's own size."""
    if giving.open_pledges > limits["open_pledges"]:
        return _reached(too_many_pledges, "open_pledges", limits["open_pledges"], giving.open_pledges - giving.own_open)
    if giving.proposals >= limits["proposals"]:
        return _reached(too_many_proposals, "proposals", limits["proposals"], giving.proposals)
    most, used = limits["units"] * size_of_unit(category, unit), giving.outstanding - giving.own_outstanding
    if giving.outstanding > most:
        size, zh, en = MEASURES.get(unit, (1, "", unit))
        item = catalogue().get(category)
        zh = measure_of(words_of(item), unit) if item else zh
        return _reached(too_many_units, "units", most, used, size, measure_zh=zh, measure_en=en)
    return None


def find_posting_problem(limits: Limits, used: int, *, on_behalf: bool, many: int = 1) -> Problem | None:
    """Return the problem of so many more needs after those `used` within a day, of a household or of whoever posts on behalf; or None."""
    if used + many <= limits["needs_a_day"]:
        return None
    return _reached(too_many_posted if on_behalf else too_many_needs, "needs_a_day", limits["needs_a_day"], used)


def list_enclosing_regions(region: str) -> list[str]:
    """List the regions whose limits may hold in this one, the narrowest first."""
    return [region[:length] for length in reversed(REGION_LENGTHS) if length <= len(region)]


def may_read(caller: Caller, region: str) -> bool:
    """Tell whether the caller manages the region, a region around it or a part of it."""
    return caller.reads(region) or any(part.startswith(region) for part in (*caller.regions, *caller.audited_regions))


def find_wrong_entries(entries: Sequence[Key]) -> list[int]:
    """List the places of entries that name no limit, or one that an entry before has set."""
    return [place for place, key in enumerate(entries) if key not in default_limits() or key in entries[:place]]


def _reached(kind: type[Problem], name: str, most: int, used: int, size: int = 1, **words: str) -> Problem:
    """Make the problem of a limit. Its words count in measures of `size` units, as yuan of 100 fen; its figures are exact."""
    left = max(0, most - used)
    figures = {"most": most, "used": used, "left": left}
    spoken: dict[str, Any] = {word: f"{figure / size:,.0f}" for word, figure in figures.items()}
    return kind(members={"limit": {"name": name, **figures}}, **spoken | words)
