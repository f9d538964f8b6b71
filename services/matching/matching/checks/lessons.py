"""Lessons: every pledge bears what its lessons in force say, and nothing else."""

from matching.checks.check import Check

_BORNE_OTHERWISE = """
    SELECT pledges.id FROM pledges LEFT JOIN (
        SELECT pledge_id, array_agg(DISTINCT CAST(coalesce(nullif(region, ''), category) AS text)) AS words
        FROM lessons WHERE forgotten_at IS NULL AND region IS NOT NULL GROUP BY pledge_id
    ) AS held ON pledge_id = pledges.id
    WHERE not_for <> coalesce(words, '{}') ORDER BY pledges.id LIMIT 1
"""

CHECKS = (Check("lesson_not_borne", "a pledge is not for what its lessons say, and for everything else", _BORNE_OTHERWISE),)
