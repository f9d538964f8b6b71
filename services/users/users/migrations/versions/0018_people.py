"""Doors that disputes keep open."""

from alembic import op

revision = "users_0018"
down_revision = "users_0017"


def upgrade() -> None:
    op.execute(
        "ALTER TABLE handovers ADD IF NOT EXISTS dispute_version bigint NOT NULL DEFAULT 0,"
        " ADD IF NOT EXISTS dispute_settled_at timestamptz"
    )


def downgrade() -> None:
    op.execute("ALTER TABLE handovers DROP dispute_version, DROP dispute_settled_at")
