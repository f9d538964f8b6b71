"""Preferences of recipients, keys of their unsubscribing links, and digests of messages."""

from alembic import op

revision = "notify_0005"
down_revision = "notify_0004"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE preferences (
            recipient_id uuid CONSTRAINT preferences_pk PRIMARY KEY,
            version bigint NOT NULL,
            time_zone varchar(20),
            quiet_since time,
            quiet_until time,
            urgent_passes boolean NOT NULL,
            sms_per_day smallint NOT NULL,
            digest varchar(10) NOT NULL CHECK (digest IN ('daily', 'never')),
            silenced text[] NOT NULL,
            changed_at timestamptz NOT NULL
        )
        """
    )
    op.execute(
        """
        CREATE TABLE unsubscribing_keys (
            recipient_id uuid CONSTRAINT unsubscribing_keys_pk PRIMARY KEY,
            key varchar(43) NOT NULL CONSTRAINT unsubscribing_keys_key_key UNIQUE,
            created_at timestamptz NOT NULL
        )
        """
    )
    op.execute("ALTER TABLE messages ADD COLUMN digest_id uuid")
    op.execute("CREATE INDEX messages_digest_id ON messages (digest_id) WHERE digest_id IS NOT NULL")


def downgrade() -> None:
    op.execute("ALTER TABLE messages DROP COLUMN digest_id")
    op.execute("DROP TABLE unsubscribing_keys")
    op.execute("DROP TABLE preferences")
