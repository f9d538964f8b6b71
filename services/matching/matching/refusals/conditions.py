"""Which pairs are not proposed: those that were refused, declined or let lapse, and those that a lesson speaks against.

A pledge bears what was learnt of it as words (`not_for`): the areas where its needs are not to be, and the items they are not to be. A
word is a need's own if the need is in that area or asks for that item.
"""

AREA_LENGTHS = (6, 9, 12)
"""The lengths of the regions that a lesson may be about: the first that is narrower than where the pledge may go."""


def find_excluded_area(region: str, scope: str) -> str:
    """Where a lesson keeps a pledge of this scope from if it is about this place; empty where nothing is narrower than the scope."""
    return region[: next((length for length in AREA_LENGTHS if len(scope) < length <= len(region)), 0)]


def pair_is_allowed(need: str, pledge_id: str, not_for: str) -> str:
    """SQL condition: nothing speaks against this need (a row with its id, region, category) and the pledge that this is known of."""
    return f"{not_excluded(need, not_for)} AND {not_barred(need, pledge_id)}"


def not_excluded(need: str, not_for: str) -> str:
    """SQL condition: none of the words that a pledge bears is the need's."""
    words = ", ".join([*(f"left({need}.region, {length})" for length in AREA_LENGTHS), f"CAST({need}.category AS text)"])
    return f"NOT {not_for} && ARRAY[{words}]"


def not_barred(need: str, pledge_id: str) -> str:
    """SQL condition: the two were not proposed to each other before, in vain."""
    return f"NOT EXISTS (SELECT FROM matches WHERE barred AND matches.need_id = {need}.id AND matches.pledge_id = {pledge_id})"
