"""What is to be cleared remembers the trace it belongs to."""

from alembic import op

revision = "matching_0003"
down_revision = "matching_0002"


def upgrade() -> None:
    op.execute("ALTER TABLE to_clear ADD COLUMN traceparent varchar(100)")


def downgrade() -> None:
    op.execute("ALTER TABLE to_clear DROP COLUMN traceparent")
