"""Sessions of staff that ended."""

from alembic import op

revision = "chassis_0005"
down_revision = "chassis_0004"


def upgrade() -> None:
    op.execute("CREATE TABLE ended_sessions (id uuid CONSTRAINT ended_sessions_pk PRIMARY KEY, ended_at timestamptz NOT NULL)")
    op.execute("CREATE INDEX ended_sessions_ended_at ON ended_sessions (ended_at)")


def downgrade() -> None:
    op.execute("DROP TABLE ended_sessions")
