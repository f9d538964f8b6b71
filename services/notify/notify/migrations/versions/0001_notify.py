"""Notices."""

from alembic import op

revision = "notify_0001"
down_revision = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE notices (
            id uuid CONSTRAINT notices_pk PRIMARY KEY,
            version bigint NOT NULL,
            recipient_id uuid NOT NULL,
            kind varchar(100) NOT NULL,
            side varchar(20) NOT NULL CHECK (side IN ('giver', 'household')),
            about uuid NOT NULL,
            about_version bigint NOT NULL,
            facts jsonb NOT NULL,
            channel varchar(20) NOT NULL,
            state varchar(20) NOT NULL CHECK (state IN ('created', 'sending', 'delivered', 'technical-failure')),
            created_at timestamptz NOT NULL,
            read_at timestamptz,
            CONSTRAINT notices_about_key UNIQUE (about, recipient_id, side, about_version)
        )
        """
    )
    op.execute("CREATE INDEX notices_recipient_id ON notices (recipient_id, id)")
    op.execute("CREATE INDEX notices_unread ON notices (recipient_id, id) WHERE read_at IS NULL")


def downgrade() -> None:
    op.execute("DROP TABLE notices")
