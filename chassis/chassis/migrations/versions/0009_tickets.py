"""Tickets, which stand for an access token once."""

from alembic import op

revision = "chassis_0009"
down_revision = "chassis_0008"


def upgrade() -> None:
    op.execute(
        "CREATE TABLE tickets (digest bytea CONSTRAINT tickets_pk PRIMARY KEY, claims jsonb NOT NULL, expires_at timestamptz NOT NULL)"
    )
    op.execute("CREATE INDEX tickets_expires_at ON tickets (expires_at)")


def downgrade() -> None:
    op.execute("DROP TABLE tickets")
