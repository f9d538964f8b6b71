"""Checks of quantities: needs, pledges and movements add up."""

from matching.book.recount import ALLOCATED, MOVED
from matching.checks.check import Check

_MOVED = f"(SELECT match_id, {MOVED}, sum(quantity) FILTER (WHERE kind = 'received') AS confirmed FROM movements GROUP BY match_id)"
# An ended need or pledge has nothing free and nothing proposed; its promised quantity stays.
_BY_SIDE = """
    SELECT {table}.id FROM {table} LEFT JOIN (
        SELECT {column}, sum(quantity) FILTER (WHERE state = 'proposed') AS proposed,
            sum(CASE WHEN state = 'proposed' THEN quantity ELSE {kept} END) AS held
        FROM matches LEFT JOIN {moved} AS moved ON match_id = matches.id
        WHERE state NOT IN ('refused', 'lapsed', 'declined') GROUP BY {column}
    ) AS matched ON {column} = {table}.id
    WHERE {condition} ORDER BY {table}.id LIMIT 1
"""
# Units of a need that a giver holds while choosing are set aside too.
_HELD_BY_GIVERS = {
    "needs": "(SELECT coalesce(sum(holds.quantity), 0) FROM holds WHERE holds.need_id = needs.id AND state = 'open')",
    "pledges": "0",
}
_OVER_ALLOCATED = "coalesce(held, 0) > quantity"
_UNACCOUNTED = """
    CASE WHEN ended THEN rest <> 0 OR coalesce(proposed, 0) <> 0 ELSE rest <> quantity - coalesce(held, 0) - {by_givers} END
    AND coalesce(held, 0) <= quantity
"""
_LIMIT_EXCEEDED = """
    SELECT pledges.id AS pledge_id, household_id FROM pledges JOIN matches ON matches.pledge_id = pledges.id
    WHERE household_limit IS NOT NULL AND matches.state = 'proposed' GROUP BY pledges.id, household_id
    HAVING sum(matches.quantity) > household_limit ORDER BY pledges.id, household_id LIMIT 1
"""
_ORPHANED = """
    SELECT id, {column} FROM matches WHERE NOT EXISTS (SELECT FROM {table} WHERE {table}.id = {column}) ORDER BY id LIMIT 1
"""


def _select_side(table: str, column: str, condition: str) -> str:
    judged = condition.format(by_givers=_HELD_BY_GIVERS[table])
    return _BY_SIDE.format(table=table, column=column, kept=ALLOCATED[table], moved=_MOVED, condition=judged)


_MOVEMENTS_UNTRUE = f"""
    SELECT id FROM matches LEFT JOIN {_MOVED} AS moved ON match_id = matches.id
    WHERE (promised IS NOT NULL) <> (state IN ('accepted', 'sent', 'received', 'closed')) AND state <> 'declined'
        OR state = 'declined' AND returned IS DISTINCT FROM promised
        OR promised > quantity
        OR coalesce(sent, 0) + coalesce(returned, 0) > promised
        OR sent IS NOT NULL AND sent + coalesce(returned, 0) <> promised
        OR coalesce(received, 0) > coalesce(sent, 0)
        OR received > confirmed OR received IS NOT NULL AND confirmed IS NULL
        OR state = 'accepted' AND (sent, received, returned) IS DISTINCT FROM (NULL, NULL, NULL)
        OR state = 'sent' AND (sent IS NULL OR received IS NOT NULL)
        OR state = 'received' AND received IS NULL
        OR state = 'closed' AND sent IS NULL AND returned IS DISTINCT FROM promised
    ORDER BY id LIMIT 1
"""

CHECKS = (
    Check("need_over_allocated", "no need gets more than its quantity", _select_side("needs", "need_id", _OVER_ALLOCATED)),
    Check("pledge_over_allocated", "no pledge gives more than its quantity", _select_side("pledges", "pledge_id", _OVER_ALLOCATED)),
    Check(
        "need_unaccounted",
        "the quantity of a need is free, set aside or given; an ended need has nothing free or proposed",
        _select_side("needs", "need_id", _UNACCOUNTED),
    ),
    Check(
        "pledge_unaccounted",
        "the quantity of a pledge is free, set aside or given; an ended pledge has nothing free or proposed",
        _select_side("pledges", "pledge_id", _UNACCOUNTED),
    ),
    Check("household_limit_exceeded", "no household is proposed more of a pledge than it gives to one", _LIMIT_EXCEEDED),
    Check("match_without_need", "every match has its need", _ORPHANED.format(table="needs", column="need_id")),
    Check("match_without_pledge", "every match has its pledge", _ORPHANED.format(table="pledges", column="pledge_id")),
    Check("movements_untrue", "the movements of a match add up and agree with its state", _MOVEMENTS_UNTRUE),
)
