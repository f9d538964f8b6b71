"""Received quantities of matches, and the number and weight of delivered needs."""

from alembic import op

revision = "insight_0003"
down_revision = "insight_0002"

DELIVERED = ("delivered", "weight_delivered")


def upgrade() -> None:
    op.execute("ALTER TABLE matches ADD received bigint")
    for table in ("own", "totals"):
        op.execute(f"ALTER TABLE {table} " + ", ".join(f"ADD {name} numeric NOT NULL DEFAULT 0" for name in DELIVERED))


def downgrade() -> None:
    op.execute("ALTER TABLE matches DROP received")
    for table in ("own", "totals"):
        op.execute(f"ALTER TABLE {table} " + ", ".join(f"DROP {name}" for name in DELIVERED))
