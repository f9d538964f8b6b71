"""Administrators are told what waits for them: of each kind once, until they have read it."""

from alembic import op

revision = "notify_0002"
down_revision = "notify_0001"


def upgrade() -> None:
    op.execute("ALTER TABLE notices DROP CONSTRAINT notices_side_check")
    op.execute("ALTER TABLE notices ADD CONSTRAINT notices_side_check CHECK (side IN ('giver', 'household', 'administrator'))")
    op.execute("CREATE UNIQUE INDEX notices_waiting ON notices (recipient_id, kind) WHERE side = 'administrator' AND read_at IS NULL")


def downgrade() -> None:
    op.execute("DROP INDEX notices_waiting")
    op.execute("DELETE FROM notices WHERE side = 'administrator'")
    op.execute("ALTER TABLE notices DROP CONSTRAINT notices_side_check")
    op.execute("ALTER TABLE notices ADD CONSTRAINT notices_side_check CHECK (side IN ('giver', 'household'))")
