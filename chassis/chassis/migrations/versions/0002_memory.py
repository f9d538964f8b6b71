"""The journal is read by event and time, a page at a time."""

from alembic import op

revision = "chassis_0002"
down_revision = "chassis_0001"


def upgrade() -> None:
    op.execute("CREATE INDEX journal_name_told_at_id ON journal (name, told_at, id)")
    op.execute("DROP INDEX journal_name")


def downgrade() -> None:
    op.execute("CREATE INDEX journal_name ON journal (name, told_at)")
    op.execute("DROP INDEX journal_name_told_at_id")
