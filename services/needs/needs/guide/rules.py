"""Rules of the guide: which figures deserve a warning. A warning advises and refuses nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

from needs.catalogue.rules import Advice, Terms, list_advice
from needs.guide.labels import WARNINGS
from needs.quotas.rules import Quota

MOST_QUANTITY = 10**9
FEWEST = 5
"""The fewest needs from which typical quantities are told."""
FAR_ABOVE = 3
"""How many times the quantity of nine needs in ten is far above what is typical."""
MUCH_WAITS = 5
"""How many times what is offered has to wait for long to be likely."""
LEVELS = (6, 4, 2, 0)
"""Lengths of the regions whose figures are told: county, city, province, country. Below, they would tell of single households."""


@dataclass(frozen=True)
class Typical:
    """Quantities of the newest needs of an item in a region: how many needs, and the quantity of a quarter, half, three and nine tenths."""

    region: str
    count: int
    quantities: Sequence[int]


@dataclass(frozen=True)
class Waiting:
    """What waits and what is offered of an item in a region and below it."""

    region: str
    waiting_needs: int
    waiting_units: int
    open_pledges: int
    open_units: int
    typical_days: int | None


@dataclass(frozen=True)
class Posted:
    """Needs of a household: those open, those posted within a year, those open of the same item; and the advice for the first two."""

    open: int
    last_year: int
    same_item: int
    advised_open: int
    advised_a_year: int


@dataclass(frozen=True)
class Guide:
    """What the guide knows about an item in a region, perhaps for a household or an institution."""

    region: str
    terms: Terms
    typical: Sequence[Typical]
    balance: Sequence[Waiting]
    household: Posted | None
    of_institution: bool
    quota: Quota | None = None


def regions_above(region: str) -> list[str]:
    """List the county of a region and the regions around it, the nearest first."""
    return [region[:length] for length in LEVELS if length <= len(region)]


def find_typical(guide: Guide) -> Typical | None:
    """Find the typical quantities of the nearest region with enough needs."""
    return next((typical for typical in guide.typical if typical.count >= FEWEST), None)


def find_warnings(guide: Guide, quantity: int | None, *, is_posted: bool = False) -> list[Advice]:
    """Return the warnings about a need of this quantity; with `is_posted`, the household's figures count it already."""
    found = []
    typical = find_typical(guide)
    if quantity and typical and quantity > FAR_ABOVE * typical.quantities[-1]:
        found.append(_advise("far_above_typical", quantity=quantity, most_ask_for=typical.quantities[-1]))
    if quantity:
        size, used = (quota.size, quota.used) if (quota := guide.quota) else (None, 0)
        found += list_advice(guide.terms, quantity, size=size, of_institution=guide.of_institution, used=used)
    if guide.quota and guide.quota.size is None and guide.terms.per_person:
        found.append(_advise("size_unknown"))
    if posted := guide.household:
        own = 1 if is_posted else 0
        if posted.same_item > own:
            found.append(_advise("same_item_open", open=posted.same_item - own))
        if posted.open > posted.advised_open - 1 + own:
            found.append(_advise("many_open", open=posted.open, advised=posted.advised_open))
        if posted.last_year > posted.advised_a_year - 1 + own:
            found.append(_advise("many_in_a_year", posted=posted.last_year, advised=posted.advised_a_year))
    return [*found, *_find_scarcity(guide)]


def _find_scarcity(guide: Guide) -> list[Advice]:
    """Warn when nothing is offered anywhere up to the country, or far more waits in the province than is offered there."""
    if not any(one.open_pledges for one in guide.balance):
        return [_advise("nothing_offered")]
    province = next((one for one in guide.balance if len(one.region) == 2), None)
    if province and province.waiting_units > MUCH_WAITS * province.open_units:
        return [_advise("much_waits", waiting=province.waiting_units, offered=province.open_units)]
    return []


def _advise(code: str, **figures: int) -> Advice:
    zh, en = WARNINGS[code]
    return Advice(code, zh, en, figures)
