"""Messages over channels outside the app, with their attempts. Codes become messages too."""

from alembic import op

revision = "notify_0004"
down_revision = "notify_0003"

COLUMNS = '(id, code_id, channel, "then", kind, priority, state, attempts, doubts, created_at, due_at, expires_at)'
VALUES = "code_id, code_id, 'sms', '{}'::text[], 'code_' || purpose, 0, 'created', attempts, 0, heard_at, due_at, expires_at"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE messages (
            id uuid CONSTRAINT messages_pk PRIMARY KEY,
            notice_id uuid,
            code_id uuid,
            recipient_id uuid,
            region varchar(12) COLLATE "C",
            channel varchar(20) NOT NULL,
            "then" text[] NOT NULL,
            kind varchar(100) NOT NULL,
            priority smallint NOT NULL,
            state varchar(20) NOT NULL CHECK (state IN (
                'created', 'sending', 'delivered', 'temporary-failure', 'permanent-failure', 'technical-failure', 'doubtful', 'withdrawn'
            )),
            provider varchar(20),
            reason varchar(100),
            attempts integer NOT NULL,
            doubts integer NOT NULL,
            created_at timestamptz NOT NULL,
            due_at timestamptz NOT NULL,
            expires_at timestamptz NOT NULL,
            taken_at timestamptz,
            settled_at timestamptz
        )
        """
    )
    op.execute("CREATE INDEX messages_due ON messages (priority, due_at) WHERE settled_at IS NULL")
    op.execute("CREATE INDEX messages_settled ON messages (settled_at)")
    op.execute("CREATE INDEX messages_failed ON messages (id) WHERE settled_at IS NOT NULL AND state LIKE '%-failure'")
    op.execute("CREATE UNIQUE INDEX messages_code_id ON messages (code_id) WHERE code_id IS NOT NULL")
    op.execute("CREATE UNIQUE INDEX messages_notice_id ON messages (notice_id, channel) WHERE notice_id IS NOT NULL")
    op.execute("CREATE INDEX messages_recipient_id ON messages (recipient_id) WHERE recipient_id IS NOT NULL")
    op.execute("CREATE INDEX messages_region ON messages (region, id) WHERE region IS NOT NULL")
    op.execute(
        """
        CREATE TABLE attempts (
            message_id uuid CONSTRAINT attempts_message_id_messages_fk REFERENCES messages ON DELETE CASCADE,
            attempt integer,
            provider varchar(20) NOT NULL,
            begun_at timestamptz NOT NULL,
            ended_at timestamptz,
            outcome varchar(20),
            reason varchar(100),
            number varchar(100),
            CONSTRAINT attempts_pk PRIMARY KEY (message_id, attempt)
        )
        """
    )
    op.execute("CREATE INDEX attempts_number ON attempts (provider, number) WHERE number IS NOT NULL")
    op.execute(
        """
        CREATE TABLE providers (
            name varchar(20) CONSTRAINT providers_pk PRIMARY KEY,
            failures integer NOT NULL,
            closed_until timestamptz,
            day date NOT NULL,
            sent bigint NOT NULL,
            tokens double precision NOT NULL,
            filled_at timestamptz NOT NULL
        )
        """
    )
    op.execute(
        """
        CREATE TABLE message_counts (
            day date,
            channel varchar(20),
            provider varchar(20),
            kind varchar(100),
            state varchar(20),
            messages bigint NOT NULL,
            CONSTRAINT message_counts_pk PRIMARY KEY (day, channel, provider, kind, state)
        )
        """
    )
    # Codes on their way change over. Workers of the release before go on writing into the old table until they are replaced: their rows
    # become messages too, and its senders find nothing. The next release drops the table.
    op.execute(f"INSERT INTO messages {COLUMNS} SELECT {VALUES} FROM code_messages AS asked WHERE settled_at IS NULL")
    op.execute("DELETE FROM code_messages WHERE settled_at IS NULL")
    op.execute(
        f"""
        CREATE FUNCTION code_into_messages() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO messages {COLUMNS} SELECT {VALUES} FROM (SELECT NEW.*) AS asked ON CONFLICT DO NOTHING;
            PERFORM pg_notify('messages', '');
            RETURN NULL;
        END $$
        """
    )
    op.execute("CREATE TRIGGER code_into_messages BEFORE INSERT ON code_messages FOR EACH ROW EXECUTE FUNCTION code_into_messages()")


def downgrade() -> None:
    op.execute("DROP TRIGGER code_into_messages ON code_messages")
    op.execute("DROP FUNCTION code_into_messages()")
    for table in ("message_counts", "providers", "attempts", "messages"):
        op.execute(f"DROP TABLE {table}")
