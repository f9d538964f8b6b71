"""Entries bear the time at which they are written, not that of the beginning of their transaction, which may be long ago."""

from alembic import op

revision = "audit_0002"
down_revision = "audit_0001"


def upgrade() -> None:
    op.execute("ALTER TABLE audit.entries ALTER COLUMN at SET DEFAULT clock_timestamp()")


def downgrade() -> None:
    op.execute("ALTER TABLE audit.entries ALTER COLUMN at SET DEFAULT now()")
