"""After giving: when received matches close by themselves, events that do not count while contested, what households have had of a pledge."""

from alembic import op

revision = "matching_0034"
down_revision = "matching_0033"


def upgrade() -> None:
    op.execute("ALTER TABLE matches ADD IF NOT EXISTS close_at timestamptz")
    op.execute("ALTER TABLE marks ADD IF NOT EXISTS suspended boolean NOT NULL DEFAULT false")
    with op.get_context().autocommit_block():
        for name, index in INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {index}")


INDEXES = {
    # Rows without a moment come last; the timer looks for them too.
    "matches_close_at": "matches (close_at) WHERE state = 'received'",
    "matches_household_id": "matches (household_id, pledge_id)",
}


def downgrade() -> None:
    op.execute(f"DROP INDEX {', '.join(INDEXES)}")
    op.execute("ALTER TABLE matches DROP close_at")
    op.execute("ALTER TABLE marks DROP suspended")
