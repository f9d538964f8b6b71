"""Units: what a need asks for and a pledge offers is free, set aside or given, all of it and no more."""

from matching.checks.check import Check

MOVED = """
    (SELECT match_id, sum(quantity) FILTER (WHERE kind = 'promised') AS promised, sum(quantity) FILTER (WHERE kind = 'sent') AS sent,
        sum(quantity) FILTER (WHERE kind = 'received') AS received, sum(quantity) FILTER (WHERE kind = 'returned') AS returned
     FROM movements GROUP BY match_id)
"""
# A need keeps what arrived; before that what is on its way or promised; and of what was called off only what it does not need any more. A
# pledge keeps what was promised and did not come back.
KEPT = {
    "needs": """
        CASE WHEN received IS NOT NULL THEN received
             WHEN state = 'closed' AND ended_because NOT IN ('household_moved', 'need_over') THEN 0
             ELSE coalesce(sent, promised) END
    """,
    "pledges": "promised - coalesce(returned, 0)",
}
# An ended need or pledge has nothing free and nothing proposed; what is kept of it stays, and is no more than it was.
_SIDE = """
    SELECT {table}.id FROM {table} LEFT JOIN (
        SELECT {column}, sum(quantity) FILTER (WHERE state = 'proposed') AS proposed,
            sum(CASE WHEN state = 'proposed' THEN quantity ELSE {kept} END) AS held
        FROM matches LEFT JOIN {moved} AS moved ON match_id = matches.id
        WHERE state NOT IN ('refused', 'lapsed', 'declined') GROUP BY {column}
    ) AS matched ON {column} = {table}.id
    WHERE {condition} ORDER BY {table}.id LIMIT 1
"""
_OVER = "coalesce(held, 0) > quantity"
_OFF = """
    CASE WHEN ended THEN rest <> 0 OR coalesce(proposed, 0) <> 0 ELSE rest <> quantity - coalesce(held, 0) END
    AND coalesce(held, 0) <= quantity
"""
_WITHOUT = """
    SELECT id, {column} FROM matches WHERE NOT EXISTS (SELECT FROM {table} WHERE {table}.id = {column}) ORDER BY id LIMIT 1
"""


def _side(table: str, column: str, condition: str) -> str:
    return _SIDE.format(table=table, column=column, kept=KEPT[table], moved=MOVED, condition=condition)


CHECKS = (
    Check("need_over_allocated", "no need gets more than it asks for", _side("needs", "need_id", _OVER)),
    Check("pledge_over_allocated", "no pledge gives more than it offers", _side("pledges", "pledge_id", _OVER)),
    Check(
        "need_unaccounted",
        "what a need asks for is free, set aside or given; of an ended one nothing is free or proposed",
        _side("needs", "need_id", _OFF),
    ),
    Check(
        "pledge_unaccounted",
        "what a pledge offers is free, set aside or given; of an ended one nothing is free or proposed",
        _side("pledges", "pledge_id", _OFF),
    ),
    Check("match_without_need", "every match has its need", _WITHOUT.format(table="needs", column="need_id")),
    Check("match_without_pledge", "every match has its pledge", _WITHOUT.format(table="pledges", column="pledge_id")),
)
