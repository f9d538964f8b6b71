"""The kind of the account that offers a pledge, for acceptances by SMS."""

from alembic import op

revision = "matching_0038"
down_revision = "matching_0037"


def upgrade() -> None:
    op.execute("ALTER TABLE pledges ADD COLUMN IF NOT EXISTS pledger_kind varchar(20)")


def downgrade() -> None:
    op.execute("ALTER TABLE pledges DROP COLUMN pledger_kind")
