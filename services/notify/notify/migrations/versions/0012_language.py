"""The language that somebody reads mails in."""

from alembic import op

revision = "notify_0012"
down_revision = "notify_0011"


def upgrade() -> None:
    op.execute("ALTER TABLE preferences ADD COLUMN IF NOT EXISTS language varchar(10) NOT NULL DEFAULT 'zh-CN'")


def downgrade() -> None:
    op.execute("ALTER TABLE preferences DROP COLUMN language")
