"""Indexes of the texts of needs and pledges that ended, oldest first, for emptying them in time."""

from alembic import op

revision = "needs_0012"
down_revision = "needs_0011"

INDEXES = {
    "needs_old_texts": "ON needs (ended_at) WHERE ended_at IS NOT NULL AND length(reason) > 0",
    "pledges_old_texts": "ON pledges (valid_until) WHERE length(note) > 0",
}


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for name, index in INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} {index}")


def downgrade() -> None:
    for name in INDEXES:
        op.execute(f"DROP INDEX {name}")
