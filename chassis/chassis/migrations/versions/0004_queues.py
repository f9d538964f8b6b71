"""Queues that a service declared, so that those which no handler reads any more can be found."""

from alembic import op

revision = "chassis_0004"
down_revision = "chassis_0003"


def upgrade() -> None:
    op.execute("CREATE TABLE queues (name varchar(200) CONSTRAINT queues_pk PRIMARY KEY, declared_at timestamptz NOT NULL)")


def downgrade() -> None:
    op.execute("DROP TABLE queues")
