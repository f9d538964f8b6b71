"""SQL conditions on pairs of a need and a pledge that may be proposed to each other.

A pledge carries its exclusions (column `not_for`): the codes of areas and items. An exclusion applies to a need in that area or of that
item.
"""

from matching.book.household_limits import has_room
from matching.refusals.rules import AREA_LENGTHS


def pair_is_allowed(need: str, pledge_id: str, not_for: str) -> str:
    """SQL condition: no exclusion, former match or limit forbids this need (id, region, category, household_id) and this pledge."""
    return f"{not_excluded(need, not_for)} AND {not_barred(need, pledge_id)}"


def not_excluded(need: str, not_for: str) -> str:
    """SQL condition: none of the pledge's exclusions applies to the need."""
    codes = ", ".join([*(f"left({need}.region, {length})" for length in AREA_LENGTHS), f"CAST({need}.category AS text)"])
    return f"NOT {not_for} && ARRAY[{codes}]"


def not_barred(need: str, pledge_id: str) -> str:
    """SQL condition: no former match of the two bars another one, and the pledge has something left for the household."""
    barred = f"SELECT FROM matches WHERE barred AND matches.need_id = {need}.id AND matches.pledge_id = {pledge_id}"
    return f"NOT EXISTS ({barred}) AND {has_room(need, pledge_id)}"
