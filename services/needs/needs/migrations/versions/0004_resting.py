"""Pledges that rest: nothing is proposed of them until their pledger changes them."""

from alembic import op

revision = "needs_0004"
down_revision = "needs_0003"


def upgrade() -> None:
    op.execute("ALTER TABLE pledges ADD resting boolean NOT NULL DEFAULT false")


def downgrade() -> None:
    op.execute("ALTER TABLE pledges DROP resting")
