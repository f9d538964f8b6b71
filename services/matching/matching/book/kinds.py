"""Items that the kind of a pledge excludes: whoever needs a job gets no lesson, though both are counted in persons."""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from chassis.data.items import item_words
from contracts.items import shipped_items


class Pledged(NamedTuple):
    """What a pledge may go to: an item or a group, in a unit. The kind of a pledge from before kinds were told is unknown."""

    category: str
    unit: str
    kind: str | None


def load_unfit(session: Session, pledged: Collection[Pledged]) -> Mapping[Pledged, list[str]]:
    """Load the items that each of these must not go to."""
    units = {one.unit for one in pledged}
    kinds = {item.category: (item.unit, item.kind) for item in shipped_items().values() if item.unit in units}
    told = select(item_words.c.category, item_words.c.unit, item_words.c.kind).where(item_words.c.unit.in_(units))
    kinds |= {category: (unit, kind) for category, unit, kind in session.execute(told)}
    of_unit = {unit: {category: kind for category, (of, kind) in kinds.items() if of == unit} for unit in units}
    return {one: find_unfit(one, of_unit[one.unit]) for one in set(pledged)}


def find_unfit(pledged: Pledged, kinds: Mapping[str, str]) -> list[str]:
    """List the items that do not fit the kind; `kinds` are those of all items in the unit.

    A pledge of an unknown kind gets none of several kinds: any of them may be the wrong one.
    """
    below = {item: kind for item, kind in kinds.items() if f"{item}.".startswith(f"{pledged.category}.")}
    if pledged.kind is None:
        return sorted(below) if len(set(below.values())) > 1 else []
    return sorted(item for item, kind in below.items() if kind != pledged.kind)


def join_exclusions(rules: Iterable[str], unfit: Iterable[str]) -> list[str]:
    """Join the codes of refusal rules and of unfit items to the exclusions of a pledge."""
    return sorted({*rules, *unfit})
