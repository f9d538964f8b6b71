"""Indexes by which many needs that are posted at once find those that look like them."""

from alembic import op

revision = "needs_0027"
down_revision = "needs_0026"

INDEXES = {
    "needs_household_item": "needs (household_id, category, id)",
    "needs_poster_line": "needs (poster_id, category, quantity, id) WHERE of_institution",
}


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for name, index in INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {index}")


def downgrade() -> None:
    op.execute(f"DROP INDEX {', '.join(INDEXES)}")
