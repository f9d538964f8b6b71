"""Checks of derived figures: each stored copy or sum equals a recount of the book."""

from matching.balance.recount import DIFFERING as BALANCE_DIFFERS
from matching.checks.check import Check
from matching.fairness.recount import DIFFERING as HELP_DIFFERS
from matching.fairness.recount import MISCOUNTED
from matching.reliability.actions import DERIVED_EVENTS, GROWTH

_DISPUTE_UNTRUE = """
    SELECT matches.id FROM matches LEFT JOIN disputes ON match_id = matches.id
    WHERE matches.dispute IS DISTINCT FROM CASE WHEN disputes.state = 'settled' THEN 'settled' WHEN disputes.id IS NOT NULL THEN 'open' END
        OR matches.state = 'closed' AND matches.dispute = 'open'
    ORDER BY matches.id LIMIT 1
"""
_RULES_DIFFER = """
    SELECT pledges.id FROM pledges LEFT JOIN (
        SELECT pledge_id, array_agg(DISTINCT CAST(coalesce(nullif(region, ''), category) AS text)) AS words
        FROM lessons WHERE forgotten_at IS NULL AND region IS NOT NULL GROUP BY pledge_id
    ) AS held ON pledge_id = pledges.id
    WHERE not_for <> CASE WHEN unfit = '{}' THEN coalesce(words, '{}') ELSE ARRAY(SELECT DISTINCT unnest(words || unfit) ORDER BY 1) END
    ORDER BY pledges.id LIMIT 1
"""
# Sums of fractions in another order differ by rounding, at most a millionth; a missing event differs by much more.
_SUMS_DIFFER = f"""
    SELECT person_id FROM (
        SELECT person_id, sum(good * {GROWTH}) AS good, sum(bad * {GROWTH}) AS bad FROM marks WHERE void_at IS NULL AND NOT suspended
        GROUP BY person_id
    ) AS noted FULL JOIN reliabilities AS kept USING (person_id)
    WHERE kept.person_id IS NULL AND noted.good + noted.bad > 0
        OR abs(coalesce(noted.good, 0) - kept.good) > 1e-6 * (1 + kept.good + kept.bad)
        OR abs(coalesce(noted.bad, 0) - kept.bad) > 1e-6 * (1 + kept.good + kept.bad)
    ORDER BY person_id LIMIT 1
"""
_EVENTS_DIFFER = f"""
    SELECT match_id, person_id, kind FROM ({DERIVED_EVENTS.format(which="true")}) AS deserved
    FULL JOIN marks USING (match_id, person_id, kind)
    WHERE marks.id IS NULL OR deserved.at IS NULL OR abs(deserved.good - marks.good) > 1e-9 OR abs(deserved.bad - marks.bad) > 1e-9
    ORDER BY match_id, person_id, kind LIMIT 1
"""
# Events of the last two minutes have not reached the pledges yet.
_CLASSES_DIFFER = """
    SELECT pledges.id FROM pledges LEFT JOIN reliabilities ON person_id = pledger_id
    WHERE NOT ended AND reliability <> coalesce(class, 3) AND (settle_at IS NULL OR settle_at > clock_timestamp() + interval '2 minutes')
    ORDER BY pledges.id LIMIT 1
"""

DISPUTES = (Check("dispute_untrue", "a match and its dispute agree, and a match with an open dispute is not closed", _DISPUTE_UNTRUE),)
REFUSAL_RULES = (Check("lesson_not_borne", "a pledge carries its refusal rules in force, and nothing else", _RULES_DIFFER),)
BALANCE = (Check("balance_differs", "the balance equals a recount", BALANCE_DIFFERS),)
FAIRNESS = (
    Check("need_miscounted", "every need is counted, and counted as helped if it is", MISCOUNTED),
    Check("fared_differs", "the help of a village is the sum of its counted needs", HELP_DIFFERS),
)
RELIABILITY = (
    Check("mark_untrue", "reliability events are those that the book yields", _EVENTS_DIFFER),
    Check("reliability_differs", "the reliability of a person is the sum of their events that count", _SUMS_DIFFER),
    Check("pledge_class_differs", "an open pledge carries the class of its pledger", _CLASSES_DIFFER),
)
