"""Indexes by which households and pledges of an ended region are found, to move them to its successor."""

from alembic import op

revision = "needs_0011"
down_revision = "needs_0010"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("CREATE INDEX CONCURRENTLY IF NOT EXISTS households_region ON households (region)")
        op.execute("CREATE INDEX CONCURRENTLY IF NOT EXISTS pledges_region ON pledges (region)")


def downgrade() -> None:
    op.execute("DROP INDEX households_region, pledges_region")
