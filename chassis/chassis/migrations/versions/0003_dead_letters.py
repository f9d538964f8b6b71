"""Dead letters, and events for one queue alone in the outbox."""

from alembic import op

revision = "chassis_0003"
down_revision = "chassis_0002"


def upgrade() -> None:
    op.execute("ALTER TABLE outbox ADD queue varchar(200) NOT NULL DEFAULT ''")
    op.execute("ALTER TABLE outbox DROP CONSTRAINT outbox_pk, ADD CONSTRAINT outbox_pk PRIMARY KEY (id, queue)")
    op.execute(
        """
        CREATE TABLE dead_letters (
            id uuid CONSTRAINT dead_letters_pk PRIMARY KEY,
            queue varchar(200) NOT NULL,
            name varchar(100) NOT NULL,
            event_id uuid,
            recorded_at timestamptz,
            reason varchar(100) NOT NULL,
            attempts integer NOT NULL,
            parked_at timestamptz NOT NULL,
            digest bytea NOT NULL,
            headers jsonb NOT NULL,
            body bytea NOT NULL,
            state varchar(20) NOT NULL CHECK (state IN ('parked', 'replayed', 'dropped')),
            settled_at timestamptz,
            settled_by uuid
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX dead_letters_parked ON dead_letters (queue, digest) WHERE state = 'parked'")
    op.execute("CREATE INDEX dead_letters_name_reason ON dead_letters (state, name, reason, id)")
    op.execute("CREATE INDEX dead_letters_settled_at ON dead_letters (settled_at) WHERE settled_at IS NOT NULL")


def downgrade() -> None:
    op.execute("DROP TABLE dead_letters")
    op.execute("DELETE FROM outbox WHERE queue <> ''")
    op.execute("ALTER TABLE outbox DROP CONSTRAINT outbox_pk, DROP COLUMN queue, ADD CONSTRAINT outbox_pk PRIMARY KEY (id)")
