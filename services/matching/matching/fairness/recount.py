"""Counts every need anew and holds it against what is kept: what `make audit` and the tests ask."""

from matching.fairness.counting import BOTH, SEEN

# What is noted and not counted yet is left out: it will be looked up.
MISCOUNTED = f"""
    SELECT need_id FROM ({SEEN}) AS seen LEFT JOIN counted_needs USING (need_id)
    WHERE seen.is_helped IS DISTINCT FROM counted_needs.is_helped
      AND NOT EXISTS (SELECT FROM help_changes WHERE help_changes.need_id = seen.need_id)
    ORDER BY need_id LIMIT 1
"""
# The figures are the sums of what was counted, at any moment.
DIFFERING = f"""
    WITH counted AS (
        SELECT seen.*, CAST(counted_needs.is_helped AS integer) AS helped FROM ({SEEN}) AS seen JOIN counted_needs USING (need_id)
    ),
    compared AS (
        SELECT whose, quarter, needs, helped FROM fared
        UNION ALL {BOTH.format(measures="-count(*), -sum(helped)", rows="counted")}
    )
    SELECT whose, quarter FROM compared GROUP BY whose, quarter HAVING sum(needs) <> 0 OR sum(helped) <> 0 ORDER BY whose, quarter LIMIT 1
"""
