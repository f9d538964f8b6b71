"""Browsers that notices are pushed to."""

from alembic import op

revision = "notify_0007"
down_revision = "notify_0006"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE push_subscriptions (
            id uuid CONSTRAINT push_subscriptions_pk PRIMARY KEY,
            account_id uuid NOT NULL,
            fingerprint bytea NOT NULL CONSTRAINT push_subscriptions_fingerprint_key UNIQUE,
            endpoint bytea NOT NULL,
            public_key bytea NOT NULL,
            auth bytea NOT NULL,
            language varchar(10) NOT NULL,
            created_at timestamptz NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX push_subscriptions_account_id ON push_subscriptions (account_id)")


def downgrade() -> None:
    op.execute("DELETE FROM messages WHERE channel = 'push'")
    op.execute("DROP TABLE push_subscriptions")
