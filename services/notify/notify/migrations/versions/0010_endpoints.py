"""Endpoints: webhooks of receivers, and bots of groups, with what each is sent."""

from alembic import op

revision = "notify_0010"
down_revision = "notify_0009"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE endpoints (
            id uuid CONSTRAINT endpoints_pk PRIMARY KEY,
            version bigint NOT NULL,
            owner_id uuid,
            region varchar(12) COLLATE "C",
            channel varchar(20) NOT NULL,
            name varchar(100) NOT NULL,
            host varchar(255) NOT NULL,
            address bytea NOT NULL,
            secret bytea,
            former_secret bytea,
            former_until timestamptz,
            kinds text[] NOT NULL,
            language varchar(10) NOT NULL,
            state varchar(20) NOT NULL CHECK (state IN ('unproven', 'active', 'disabled')),
            reason varchar(100),
            proof bytea,
            proof_until timestamptz,
            tests smallint NOT NULL,
            tests_day date NOT NULL,
            created_by uuid NOT NULL,
            created_at timestamptz NOT NULL,
            proven_at timestamptz,
            disabled_at timestamptz,
            CHECK ((owner_id IS NULL) <> (region IS NULL))
        )
        """
    )
    op.execute("CREATE INDEX endpoints_owner_id ON endpoints (owner_id, id) WHERE owner_id IS NOT NULL")
    op.execute("CREATE INDEX endpoints_region ON endpoints (region, id) WHERE region IS NOT NULL")
    op.execute("ALTER TABLE messages ADD COLUMN endpoint_id uuid")
    op.execute("CREATE INDEX messages_endpoint_id ON messages (endpoint_id, id) WHERE endpoint_id IS NOT NULL")
    op.execute(
        """
        CREATE TABLE endpoint_deliveries (
            message_id uuid CONSTRAINT endpoint_deliveries_pk PRIMARY KEY
                CONSTRAINT endpoint_deliveries_message_id_messages_fk REFERENCES messages ON DELETE CASCADE,
            endpoint_id uuid NOT NULL,
            kind varchar(100) NOT NULL,
            side varchar(20) NOT NULL,
            about uuid NOT NULL,
            about_version bigint NOT NULL,
            facts jsonb NOT NULL,
            more integer NOT NULL,
            CONSTRAINT endpoint_deliveries_once UNIQUE (endpoint_id, about, about_version, kind)
        )
        """
    )
    # The breaker of an endpoint bears the name of its channel and its id.
    op.execute("ALTER TABLE providers ALTER COLUMN name TYPE varchar(60)")


def downgrade() -> None:
    op.execute("DELETE FROM providers WHERE length(name) > 20")
    op.execute("ALTER TABLE providers ALTER COLUMN name TYPE varchar(20)")
    op.execute("DELETE FROM messages WHERE endpoint_id IS NOT NULL")
    op.execute("DROP TABLE endpoint_deliveries")
    op.execute("ALTER TABLE messages DROP COLUMN endpoint_id")
    op.execute("DROP TABLE endpoints")
