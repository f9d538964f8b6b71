"""Pledges bear what their lessons say; needs, that they were found worth too little for something."""

from alembic import op

revision = "matching_0018"
down_revision = "matching_0017"

IN_ORDER = "needs (category, unit, urgency DESC, posted_at, region)"


def upgrade() -> None:
    # Nothing here stands in an index by value: a clearing walks pledges and needs in their order and reads these from the rows.
    op.execute("ALTER TABLE pledges ADD not_for text[] COLLATE \"C\" NOT NULL DEFAULT '{}'")
    op.execute(
        """
        UPDATE pledges SET not_for = words FROM (
            SELECT pledge_id, array_agg(DISTINCT coalesce(nullif(region, ''), category)) AS words
            FROM lessons WHERE forgotten_at IS NULL AND region IS NOT NULL GROUP BY pledge_id
        ) AS held WHERE held.pledge_id = pledges.id
        """
    )
    op.execute("DROP INDEX lessons_where")
    op.execute("ALTER TABLE needs ADD declined boolean NOT NULL DEFAULT false")
    op.execute("UPDATE needs SET declined = true WHERE id IN (SELECT need_id FROM too_low)")
    op.execute("DROP INDEX needs_fitting")
    op.execute(f"CREATE INDEX needs_fitting ON {IN_ORDER} WHERE NOT ended AND NOT declined")
    op.execute("CREATE INDEX needs_declined ON needs (category, unit, region) WHERE NOT ended AND declined")


def downgrade() -> None:
    op.execute("DROP INDEX needs_fitting, needs_declined")
    op.execute(f"CREATE INDEX needs_fitting ON {IN_ORDER} WHERE NOT ended")
    op.execute("ALTER TABLE needs DROP declined")
    op.execute("CREATE INDEX lessons_where ON lessons (region, category) WHERE forgotten_at IS NULL AND region IS NOT NULL")
    op.execute("ALTER TABLE pledges DROP not_for")
