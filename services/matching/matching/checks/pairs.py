"""Pairs: no need and no pledge that fit each other both wait."""

from matching.checks.check import Check
from matching.lessons.wanted import wanted

# Like needs and like pledges are looked at once: every key that somebody asks for is one row, and so is every key that is offered. Where
# both are there, and nowhere else, their rows are taken up. What is on the list, a clearing will look at; what nobody wants is not
# proposed again, and what is worth too little is looked at within a day. Each step is materialized: the planner would multiply before it
# filters.
_BOTH_WAIT = f"""
    WITH waiting AS NOT MATERIALIZED (
        SELECT id, category, unit, region FROM needs
        WHERE NOT ended AND rest > 0 AND NOT EXISTS (SELECT FROM to_clear WHERE side = 'need' AND to_clear.id = needs.id)
    ),
    free AS NOT MATERIALIZED (
        SELECT id, category, unit, scope FROM pledges
        WHERE NOT ended AND rest > 0 AND valid_until > clock_timestamp()
          AND NOT EXISTS (SELECT FROM to_clear WHERE side = 'pledge' AND to_clear.id = pledges.id)
    ),
    offered AS MATERIALIZED (SELECT DISTINCT category, unit, scope FROM free),
    asked AS MATERIALIZED (SELECT DISTINCT category, unit, region FROM waiting),
    item AS MATERIALIZED (
        SELECT DISTINCT asked.category, asked.unit, array_to_string(path[1\\:depth], '.') COLLATE "C" AS wider
        FROM (SELECT DISTINCT category, unit FROM asked) AS asked CROSS JOIN LATERAL string_to_array(asked.category, '.') AS path
        CROSS JOIN LATERAL generate_series(1, cardinality(path)) AS depth
    ),
    place AS MATERIALIZED (
        SELECT DISTINCT category, unit, left(region, length) AS scope FROM asked CROSS JOIN unnest(ARRAY[0, 2, 4, 6, 9, 12]) AS length
        WHERE length <= length(region)
    ),
    served AS MATERIALIZED (
        SELECT wanted.category, unit, offered.category AS wider, scope
        FROM (SELECT place.*, wider FROM place JOIN item USING (category, unit)) AS wanted
        JOIN offered USING (unit, scope) WHERE offered.category = wanted.wider
    )
    SELECT waiting.id AS need_id, free.id AS pledge_id FROM served
    JOIN waiting ON waiting.category = served.category AND waiting.unit = served.unit
        AND waiting.region >= served.scope AND waiting.region < served.scope || '~'
    JOIN free ON free.category = served.wider AND free.unit = served.unit AND free.scope = served.scope
    WHERE {wanted("waiting", "free.id")}
      AND NOT EXISTS (
          SELECT FROM too_low WHERE too_low.need_id = waiting.id AND too_low.category = free.category AND too_low.scope = free.scope
      )
    LIMIT 1
"""

CHECKS = (Check("fitting_pair_waits", "no fitting need and pledge both wait", _BOTH_WAIT),)
