"""Households that move or end, whichever event comes first."""

from alembic import op

revision = "insight_0006"
down_revision = "insight_0005"


def upgrade() -> None:
    op.execute("ALTER TABLE households ALTER day DROP NOT NULL, ADD COLUMN IF NOT EXISTS is_void boolean NOT NULL DEFAULT false")


def downgrade() -> None:
    op.execute("DELETE FROM households WHERE day IS NULL")
    op.execute("ALTER TABLE households ALTER day SET NOT NULL, DROP is_void")
