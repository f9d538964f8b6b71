"""The narrowest region that a pledge or a refusal rule names is a township; the households of a township are found in an index.

Rules about villages are withdrawn: matches showed the township, and a rule must not tell more.
"""

from alembic import op

revision = "matching_0021"
down_revision = "matching_0020"


def upgrade() -> None:
    op.execute(
        """
        WITH widened AS (UPDATE pledges SET scope = left(scope, 9) WHERE length(scope) > 9 RETURNING id, open)
        INSERT INTO to_clear (side, id) SELECT 'pledge', id FROM widened WHERE open ON CONFLICT DO NOTHING
        """
    )
    op.execute(
        """
        WITH withdrawn AS (
            UPDATE lessons SET region = left(region, 9), forgotten_at = coalesce(forgotten_at, now()),
                version = version + CASE WHEN forgotten_at IS NULL THEN 1 ELSE 0 END
            WHERE length(region) > 9 RETURNING id, pledge_id
        ),
        held AS (
            SELECT pledge_id, array_agg(DISTINCT coalesce(nullif(region, ''), category)) AS words FROM lessons
            WHERE forgotten_at IS NULL AND region IS NOT NULL AND length(region) <= 9 GROUP BY pledge_id
        ),
        freed AS (
            UPDATE pledges SET not_for = coalesce((SELECT words FROM held WHERE held.pledge_id = pledges.id), '{}')
            WHERE id IN (SELECT pledge_id FROM withdrawn) RETURNING id, open
        )
        INSERT INTO to_clear (side, id) SELECT 'pledge', id FROM freed WHERE open ON CONFLICT DO NOTHING
        """
    )
    op.execute("CREATE INDEX needs_households ON needs (left(region, 9), household_id) WHERE NOT ended")


def downgrade() -> None:
    op.execute("DROP INDEX needs_households")
