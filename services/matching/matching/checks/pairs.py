"""The check that no need and pledge that fit each other both wait."""

from matching.checks.check import Check
from matching.refusals.conditions import not_barred, not_excluded

# The statement joins groups, not rows: one row for each key that is asked for, and one for each key on offer with the refusal rules of its
# pledges. Only groups that meet are expanded: first to needs, then to pledges. Queued entries are left out, since a clearing will look at
# them; so are refused pairs, and needs deferred as worth too little. Each step is materialized: the planner would multiply the groups
# before it filters them.
_BOTH_WAIT = f"""
    WITH waiting AS NOT MATERIALIZED (
        SELECT id, category, unit, region, household_id FROM needs
        WHERE NOT ended AND rest > 0 AND NOT EXISTS (SELECT FROM to_clear WHERE side = 'need' AND to_clear.id = needs.id)
          AND NOT EXISTS (SELECT FROM too_low WHERE need_id = needs.id)
    ),
    free AS NOT MATERIALIZED (
        SELECT id, category, unit, scope, not_for FROM pledges
        WHERE NOT ended AND NOT choosing AND rest > 0 AND valid_until > clock_timestamp()
          AND NOT EXISTS (SELECT FROM to_clear WHERE side = 'pledge' AND to_clear.id = pledges.id)
    ),
    offered AS MATERIALIZED (SELECT DISTINCT category, unit, scope, not_for FROM free),
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
        SELECT wanted.category, unit, offered.category AS wider, scope, not_for
        FROM (SELECT place.*, wider FROM place JOIN item USING (category, unit)) AS wanted
        JOIN offered USING (unit, scope) WHERE offered.category = wanted.wider
    ),
    taught AS MATERIALIZED (
        SELECT served.*, region FROM served JOIN asked ON asked.category = served.category AND asked.unit = served.unit
            AND asked.region >= served.scope AND asked.region < served.scope || '~'
        WHERE {not_excluded("asked", "not_for")}
    )
    SELECT waiting.id AS need_id, free.id AS pledge_id FROM taught
    JOIN waiting ON waiting.category = taught.category AND waiting.unit = taught.unit AND waiting.region = taught.region
    JOIN free ON free.category = taught.wider AND free.unit = taught.unit AND free.scope = taught.scope AND free.not_for = taught.not_for
    WHERE {not_barred("waiting", "free.id")}
    LIMIT 1
"""

CHECKS = (Check("fitting_pair_waits", "no fitting need and pledge both wait", _BOTH_WAIT),)
