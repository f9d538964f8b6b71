"""Rules of quotas: what a household may ask for of an item within the days of the item. No rule needs a database."""

from dataclasses import dataclass
from typing import Any

from chassis.problems import Problem
from chassis.wording import word_quantity
from needs.catalogue.rules import OVER_USUAL, Terms, find_cap, usual_quantity, words_of
from needs.quotas.problems import above_quota


@dataclass(frozen=True)
class Quota:
    """The quota of a household for an item. `used` is what its needs of the last `days` ask for, or have got.

    `usual` is advised for a household of this size, `total` is the most within the days, `most` that of one need. Without a known size
    only `most` holds.
    """

    size: int | None
    days: int
    usual: int | None
    total: int | None
    most: int | None
    used: int

    @property
    def left(self) -> int | None:
        """The rest that the household may ask for within the days; None without a limit."""
        return None if self.total is None else max(0, self.total - self.used)


def make_quota(terms: Terms, size: int | None, used: int) -> Quota:
    """Make the quota of a household of this size under the terms of its region."""
    usual = usual_quantity(terms, size) if size else terms.per_household
    total = usual * OVER_USUAL if size and usual else None
    return Quota(size, terms.days, usual, total, find_cap(terms, size), used)


def find_quota_problem(terms: Terms, quota: Quota, quantity: int) -> Problem | None:
    """Return the problem of a quantity that passes the quota together with what was asked for before; None if it is within."""
    if quota.left is None or quota.total is None or quantity <= quota.left:
        return None
    words, unit = words_of(terms.item), terms.item.unit or ""
    figures = {"amount": quota.total, "used": quota.used, "left": quota.left}
    spoken: dict[str, Any] = {
        f"{name}_{short}": word_quantity(words, figure, unit, language) if figure else nothing
        for name, figure in figures.items()
        for short, language, nothing in (("zh", "zh-CN", "无"), ("en", "en", "none"))
    }
    stated = {name: getattr(quota, name) for name in ("size", "days", "usual", "total", "used", "left")}
    members = {"category": terms.item.category, "unit": unit, "quota": stated}
    return above_quota(members=members, size=quota.size, days=quota.days, **spoken)
