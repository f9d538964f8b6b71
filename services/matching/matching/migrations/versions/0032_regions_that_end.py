"""Indexes by which rows of an ended region are found. Without them each batch of a move reads whole tables."""

from alembic import op

revision = "matching_0032"
down_revision = "matching_0028"
# That of needs serves equality alone: clearings look for needs in a range of regions, and would read all items there by a tree.
INDEXES = {
    "needs_region": "needs USING hash (region)",
    "pledges_scope": "pledges (scope)",
    "too_low_scope": "too_low (scope)",
    "points_region": "points (region)",
    "lessons_region": "lessons (region) WHERE region IS NOT NULL",
    "matches_weights_region": "matches (weights_region) WHERE weights_region IS NOT NULL",
}


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for name, rows in INDEXES.items():
            op.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {rows}")


def downgrade() -> None:
    op.execute(f"DROP INDEX {', '.join(INDEXES)}")
