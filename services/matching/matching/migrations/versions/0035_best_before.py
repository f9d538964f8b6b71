"""Matches know the best-before date of their goods, pledges their kind; pledges of perishable goods end in time for them.

Rows of before have no kind, which fits every item. Their dates are those of their pledges.
"""

from alembic import op

revision = "matching_0035"
down_revision = "matching_0034"


def upgrade() -> None:
    op.execute("ALTER TABLE pledges ADD IF NOT EXISTS kind varchar(20)")
    op.execute(
        "ALTER TABLE matches ADD IF NOT EXISTS best_before timestamptz, ADD IF NOT EXISTS goods_reminded_at timestamptz,"
        " ADD IF NOT EXISTS goods_reminded_version bigint"
    )
    op.execute(
        "UPDATE matches SET best_before = pledges.best_before FROM pledges WHERE pledges.id = pledge_id"
        " AND pledges.best_before IS NOT NULL AND state IN ('proposed', 'accepted', 'sent')"
    )
    op.execute(
        "UPDATE pledges SET valid_until = best_before - interval '5 days'"
        " WHERE best_before IS NOT NULL AND valid_until > best_before - interval '5 days'"
    )
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS matches_best_before")
        op.execute(
            "CREATE INDEX CONCURRENTLY matches_best_before ON matches (best_before)"
            " WHERE state = 'sent' AND goods_reminded_at IS NULL AND best_before IS NOT NULL"
        )


def downgrade() -> None:
    op.execute("DROP INDEX matches_best_before")
    op.execute("ALTER TABLE matches DROP best_before, DROP goods_reminded_at, DROP goods_reminded_version")
    op.execute("ALTER TABLE pledges DROP kind")
