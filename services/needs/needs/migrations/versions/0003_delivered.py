"""Quantities of matches that were sent and received."""

from alembic import op

revision = "needs_0003"
down_revision = "needs_0002"


def upgrade() -> None:
    op.execute("ALTER TABLE matches ADD sent bigint, ADD received bigint")


def downgrade() -> None:
    op.execute("ALTER TABLE matches DROP sent, DROP received")
