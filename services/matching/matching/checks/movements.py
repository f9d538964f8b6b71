"""Movements: no match promises more than it is, sends more than it promised, or receives more than was sent; its state is what moved."""

from matching.checks.check import Check
from matching.checks.units import MOVED

_UNTRUE = f"""
    SELECT id FROM matches LEFT JOIN {MOVED} AS moved ON match_id = matches.id
    WHERE (promised IS NOT NULL) <> (state IN ('accepted', 'sent', 'received', 'closed')) AND state <> 'declined'
        OR state = 'declined' AND returned IS DISTINCT FROM promised
        OR promised > quantity
        OR coalesce(sent, 0) + coalesce(returned, 0) > promised
        OR sent IS NOT NULL AND sent + coalesce(returned, 0) <> promised
        OR coalesce(received, 0) > coalesce(sent, 0)
        OR state = 'accepted' AND (sent, received, returned) IS DISTINCT FROM (NULL, NULL, NULL)
        OR state = 'sent' AND (sent IS NULL OR received IS NOT NULL)
        OR state = 'received' AND received IS NULL
        OR state = 'closed' AND sent IS NULL AND returned IS DISTINCT FROM promised
    ORDER BY id LIMIT 1
"""

CHECKS = (Check("movements_untrue", "what moved in a match adds up, and is what its state says", _UNTRUE),)
