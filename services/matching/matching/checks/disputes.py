"""Disputes: a match says of its dispute what that says itself, and none is closed before it is settled."""

from matching.checks.check import Check

_UNTRUE = """
    SELECT matches.id FROM matches LEFT JOIN disputes ON match_id = matches.id
    WHERE matches.dispute IS DISTINCT FROM CASE WHEN disputes.state = 'settled' THEN 'settled' WHEN disputes.id IS NOT NULL THEN 'open' END
        OR matches.state = 'closed' AND matches.dispute = 'open'
    ORDER BY matches.id LIMIT 1
"""

CHECKS = (Check("dispute_untrue", "a match and its dispute say the same, and it is not closed before that is settled", _UNTRUE),)
