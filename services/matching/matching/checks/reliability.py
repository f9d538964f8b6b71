"""Reliability: what is noted for and against people is what the book says, and it adds up to what is kept of each."""

from matching.checks.check import Check
from matching.reliability.actions import DERIVED_EVENTS, GROWTH

# Sums of fractions, added up in another order: a millionth is rounding, a forgotten mark is much more.
_SUMMED = f"""
    SELECT person_id FROM (
        SELECT person_id, sum(good * {GROWTH}) AS good, sum(bad * {GROWTH}) AS bad FROM marks WHERE void_at IS NULL GROUP BY person_id
    ) AS noted FULL JOIN reliabilities AS kept USING (person_id)
    WHERE kept.person_id IS NULL AND noted.good + noted.bad > 0
        OR abs(coalesce(noted.good, 0) - kept.good) > 1e-6 * (1 + kept.good + kept.bad)
        OR abs(coalesce(noted.bad, 0) - kept.bad) > 1e-6 * (1 + kept.good + kept.bad)
    ORDER BY person_id LIMIT 1
"""
_NOTED = f"""
    SELECT match_id, person_id, kind FROM ({DERIVED_EVENTS.format(which="true")}) AS deserved
    FULL JOIN marks USING (match_id, person_id, kind)
    WHERE marks.id IS NULL OR deserved.at IS NULL OR abs(deserved.good - marks.good) > 1e-9 OR abs(deserved.bad - marks.bad) > 1e-9
    ORDER BY match_id, person_id, kind LIMIT 1
"""
# What was noted in the last minutes is on its way to the pledges.
_BORNE = """
    SELECT pledges.id FROM pledges LEFT JOIN reliabilities ON person_id = pledger_id
    WHERE NOT ended AND reliability <> coalesce(class, 3) AND (settle_at IS NULL OR settle_at > clock_timestamp() + interval '2 minutes')
    ORDER BY pledges.id LIMIT 1
"""

CHECKS = (
    Check("mark_untrue", "what is noted for and against people is what the book says", _NOTED),
    Check("reliability_differs", "what is kept of somebody is the sum of their marks", _SUMMED),
    Check("pledge_class_differs", "an open pledge bears the class of its pledger", _BORNE),
)
