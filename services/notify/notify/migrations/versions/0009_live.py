"""The log of changes that streams read."""

from alembic import op

revision = "notify_0009"
down_revision = "notify_0008"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE live_changes (
            subject uuid,
            topic varchar(60) COLLATE "C",
            transaction xid8 NOT NULL DEFAULT pg_current_xact_id(),
            kind varchar(20) NOT NULL,
            version bigint NOT NULL,
            body jsonb,
            open boolean NOT NULL,
            account_id uuid,
            region varchar(12) COLLATE "C",
            auditors boolean NOT NULL,
            changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            CONSTRAINT live_changes_pk PRIMARY KEY (subject, topic)
        )
        """
    )
    op.execute("CREATE INDEX live_changes_transaction ON live_changes (transaction)")
    op.execute("CREATE INDEX live_changes_topic ON live_changes (topic, transaction)")
    op.execute("CREATE INDEX live_changes_changed_at ON live_changes (changed_at)")
    op.execute("CREATE INDEX live_changes_region ON live_changes (region) WHERE region IS NOT NULL")
    op.execute("CREATE TABLE live_horizon (id integer CONSTRAINT live_horizon_pk PRIMARY KEY, transaction xid8 NOT NULL)")


def downgrade() -> None:
    op.execute("DROP TABLE live_horizon")
    op.execute("DROP TABLE live_changes")
