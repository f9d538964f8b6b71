"""Counts of needs by the kind of helper. Needs with accepted matches or met elsewhere are counted again."""

from alembic import op

revision = "insight_0002"
down_revision = "insight_0001"

HELPED = ("helped_donor", "helped_organisation", "helped_merchant", "helped_volunteer", "helped_government")


def upgrade() -> None:
    for table in ("own", "totals"):
        op.execute(f"ALTER TABLE {table} " + ", ".join(f"ADD {name} numeric NOT NULL DEFAULT 0" for name in HELPED))
    op.execute(
        "INSERT INTO stale (kind, thing) SELECT 'need', need_id FROM matches WHERE state IN ('accepted', 'need_ended')"
        " UNION SELECT 'need', id FROM needs WHERE state = 'met_elsewhere'"
    )


def downgrade() -> None:
    for table in ("own", "totals"):
        op.execute(f"ALTER TABLE {table} " + ", ".join(f"DROP {name}" for name in HELPED))
