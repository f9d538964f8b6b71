"""A need changes at least twice, when something is set aside for it and when it ends: room beside it, so that its indexes stay as they are."""

from alembic import op

revision = "matching_0019"
down_revision = "matching_0018"


def upgrade() -> None:
    op.execute("ALTER TABLE needs SET (fillfactor = 50)")


def downgrade() -> None:
    op.execute("ALTER TABLE needs SET (fillfactor = 80)")
