"""A township is the narrowest scope of a pledge, and an index finds the households of a township that have published needs."""

from alembic import op

revision = "needs_0008"
down_revision = "needs_0007"


def upgrade() -> None:
    op.execute("UPDATE pledges SET region = left(region, 9) WHERE length(region) > 9")
    with op.get_context().autocommit_block():
        op.execute(
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS needs_households ON needs (left(region, 9), household_id) WHERE state = 'published'"
        )


def downgrade() -> None:
    op.execute("DROP INDEX needs_households")
