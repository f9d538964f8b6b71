"""Outbox and journal, inbox, appointments, idempotency keys, public keys."""

from alembic import op

revision = "chassis_0001"
down_revision = None

TOLD = """
    id uuid NOT NULL,
    name varchar(100) NOT NULL,
    teller varchar(50) NOT NULL,
    subject uuid NOT NULL,
    version bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    traceparent varchar(100),
    body text NOT NULL
"""


def upgrade() -> None:
    op.execute(f"CREATE TABLE outbox ({TOLD}, CONSTRAINT outbox_pk PRIMARY KEY (id))")
    op.execute(
        f"CREATE TABLE journal ({TOLD}, told_at timestamptz NOT NULL, CONSTRAINT journal_pk PRIMARY KEY (id, told_at))"
        " PARTITION BY RANGE (told_at)"
    )
    op.execute("CREATE INDEX journal_name ON journal (name, told_at)")
    op.execute(
        "CREATE TABLE inbox (handler varchar(100) NOT NULL, event_id uuid NOT NULL, handled_at timestamptz NOT NULL DEFAULT now(),"
        " CONSTRAINT inbox_pk PRIMARY KEY (handler, event_id))"
    )
    op.execute("CREATE INDEX inbox_handled_at ON inbox USING brin (handled_at)")
    op.execute(
        'CREATE TABLE appointments (id uuid PRIMARY KEY, user_id uuid NOT NULL, region varchar(12) COLLATE "C" NOT NULL,'
        " version bigint NOT NULL, ended_at timestamptz)"
    )
    op.execute("CREATE INDEX appointments_user_id ON appointments (user_id) WHERE ended_at IS NULL")
    op.execute("CREATE INDEX appointments_region ON appointments (region) WHERE ended_at IS NULL")
    op.execute(
        "CREATE TABLE idempotency_keys (caller_id uuid, method varchar(10), path varchar(500), key varchar(100),"
        " body_hash bytea NOT NULL, status smallint NOT NULL, location varchar(500) NOT NULL, used_at timestamptz NOT NULL DEFAULT now(),"
        " CONSTRAINT idempotency_keys_pk PRIMARY KEY (caller_id, method, path, key))"
    )
    op.execute("CREATE INDEX idempotency_keys_used_at ON idempotency_keys (used_at)")
    op.execute(
        "CREATE TABLE public_keys (source varchar(500) PRIMARY KEY, jwks jsonb NOT NULL, fetched_at timestamptz NOT NULL DEFAULT now())"
    )


def downgrade() -> None:
    op.execute("DROP TABLE outbox, journal, inbox, appointments, idempotency_keys, public_keys")
