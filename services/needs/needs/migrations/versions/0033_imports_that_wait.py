"""Until when an import waits after a statement that took too long."""

from alembic import op

revision = "needs_0033"
down_revision = "needs_0032"


def upgrade() -> None:
    op.execute("ALTER TABLE imports ADD COLUMN waits_until timestamptz")


def downgrade() -> None:
    op.execute("ALTER TABLE imports DROP COLUMN waits_until")
