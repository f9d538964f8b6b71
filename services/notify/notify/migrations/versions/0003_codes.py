"""Codes to send by SMS: ids and times only."""

from alembic import op

revision = "notify_0003"
down_revision = "notify_0002"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE code_messages (
            code_id uuid CONSTRAINT code_messages_pk PRIMARY KEY,
            purpose varchar(30) NOT NULL,
            expires_at timestamptz NOT NULL,
            state varchar(20) NOT NULL CHECK (state IN (
                'waiting', 'sending', 'sent', 'expired', 'gone', 'number_refused', 'provider_refused', 'unconfigured'
            )),
            attempts integer NOT NULL,
            reason varchar(100),
            heard_at timestamptz NOT NULL,
            due_at timestamptz NOT NULL,
            settled_at timestamptz
        )
        """
    )
    op.execute("CREATE INDEX code_messages_due ON code_messages (due_at) WHERE settled_at IS NULL")
    op.execute("CREATE INDEX code_messages_settled ON code_messages (settled_at)")


def downgrade() -> None:
    op.execute("DROP TABLE code_messages")
