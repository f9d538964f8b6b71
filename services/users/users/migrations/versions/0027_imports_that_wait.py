"""Until when an import waits after a statement that took too long."""

from alembic import op

revision = "users_0027"
down_revision = "users_0026"


def upgrade() -> None:
    op.execute("ALTER TABLE imports ADD COLUMN waits_until timestamptz")


def downgrade() -> None:
    op.execute("ALTER TABLE imports DROP COLUMN waits_until")
