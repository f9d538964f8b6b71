"""Links between accounts and WeChat."""

from alembic import op

revision = "notify_0008"
down_revision = "notify_0007"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE wechat_links (
            account_id uuid CONSTRAINT wechat_links_pk PRIMARY KEY,
            message_id uuid NOT NULL,
            code bytea,
            openid bytea,
            fingerprint bytea CONSTRAINT wechat_links_fingerprint_key UNIQUE,
            requested_at timestamptz NOT NULL,
            linked_at timestamptz
        )
        """
    )


def downgrade() -> None:
    op.execute("DELETE FROM messages WHERE channel = 'wechat'")
    op.execute("DROP TABLE wechat_links")
