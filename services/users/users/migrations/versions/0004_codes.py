"""Requests for one-time codes, and the counts of a day."""

from alembic import op

revision = "users_0004"
down_revision = "users_0003"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE code_requests (
            id uuid CONSTRAINT code_requests_pk PRIMARY KEY,
            version bigint NOT NULL,
            purpose varchar(20) NOT NULL CHECK (purpose IN ('registration', 'sign_in', 'password_reset', 'phone_change')),
            phone bytea NOT NULL,
            phone_fingerprint bytea NOT NULL,
            language varchar(10) NOT NULL,
            key_id bytea NOT NULL,
            account_id uuid,
            wanted bytea,
            tries smallint NOT NULL,
            looks smallint NOT NULL,
            requested_at timestamptz NOT NULL,
            expires_at timestamptz NOT NULL,
            used_at timestamptz
        )
        """
    )
    op.execute("CREATE INDEX code_requests_expires_at ON code_requests (expires_at)")
    op.execute(
        "CREATE TABLE code_counts (day date NOT NULL, budget varchar(20) NOT NULL, key bytea NOT NULL, requests bigint NOT NULL,"
        " CONSTRAINT code_counts_pk PRIMARY KEY (day, budget, key))"
    )


def downgrade() -> None:
    op.execute("DROP TABLE code_counts, code_requests")
