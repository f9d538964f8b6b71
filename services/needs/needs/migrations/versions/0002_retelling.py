"""Facts for republishing: the person who withdrew a need, the time of a pledge's last change."""

from alembic import op

revision = "needs_0002"
down_revision = "needs_0001"


def upgrade() -> None:
    op.execute("ALTER TABLE needs ADD withdrawn_by uuid")
    op.execute("ALTER TABLE pledges ADD changed_at timestamptz")


def downgrade() -> None:
    op.execute("ALTER TABLE needs DROP withdrawn_by")
    op.execute("ALTER TABLE pledges DROP changed_at")
