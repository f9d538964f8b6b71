"""Limits that regions set, verified organisations, and indexes to count what is used of a limit."""

from alembic import op

revision = "needs_0009"
down_revision = "needs_0008"

INDEXES = {
    "needs_household_posted": "needs (household_id, posted_at)",
    "needs_poster_posted": "needs (poster_id, posted_at)",
    "matches_outstanding": "matches (pledge_id) WHERE state IN ('proposed', 'accepted', 'sent')",
}


def upgrade() -> None:
    op.execute(
        'CREATE TABLE IF NOT EXISTS limits (region varchar(12) COLLATE "C", version bigint, limits jsonb NOT NULL, set_by uuid NOT NULL,'
        " set_at timestamptz NOT NULL, CONSTRAINT limits_pk PRIMARY KEY (region, version))"
    )
    op.execute("CREATE TABLE IF NOT EXISTS organisations (id uuid CONSTRAINT organisations_pk PRIMARY KEY, version bigint NOT NULL, verified boolean NOT NULL)")
    with op.get_context().autocommit_block():
        for name, columns in INDEXES.items():
            op.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {columns}")


def downgrade() -> None:
    op.execute(f"DROP INDEX {', '.join(INDEXES)}")
    op.execute("DROP TABLE limits, organisations")
