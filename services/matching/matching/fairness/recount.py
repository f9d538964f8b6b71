"""Recount of every need, compared with the kept counts, for the audit and the tests."""

from matching.fairness.actions import NEEDS_AS_COUNTED

# A need that is counted otherwise than a recount finds. Needs with a note are left out: they will be counted soon.
MISCOUNTED = f"""
    SELECT need_id FROM ({NEEDS_AS_COUNTED}) AS seen LEFT JOIN counted_needs USING (need_id)
    WHERE (seen.is_helped, seen.household_id, seen.quarter)
        IS DISTINCT FROM (counted_needs.is_helped, counted_needs.household_id, counted_needs.quarter)
      AND NOT EXISTS (SELECT FROM help_changes WHERE help_changes.need_id = seen.need_id)
    ORDER BY need_id LIMIT 1
"""
# A region and quarter whose figures are not the sums of the counted needs.
DIFFERING = """
    WITH compared AS (
        SELECT region, quarter, needs, helped FROM fared
        UNION ALL SELECT region, quarter, -1, -CAST(is_helped AS integer) FROM counted_needs JOIN needs ON needs.id = need_id
    )
    SELECT region, quarter FROM compared GROUP BY region, quarter
    HAVING sum(needs) <> 0 OR sum(helped) <> 0 ORDER BY region, quarter LIMIT 1
"""
