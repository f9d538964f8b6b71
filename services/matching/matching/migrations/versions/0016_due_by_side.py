"""What is to be cleared is found by its side, however much of the other side waits."""

from alembic import op

revision = "matching_0016"
down_revision = "matching_0015"


def upgrade() -> None:
    op.execute("DROP INDEX to_clear_due_at")
    op.execute("CREATE INDEX to_clear_due ON to_clear (side, due_at)")


def downgrade() -> None:
    op.execute("DROP INDEX to_clear_due")
    op.execute("CREATE INDEX to_clear_due_at ON to_clear (due_at)")
