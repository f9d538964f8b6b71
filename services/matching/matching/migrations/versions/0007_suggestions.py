"""Needs of an item in an area, for whoever is shown others beside the one they chose."""

from alembic import op

revision = "matching_0007"
down_revision = "matching_0003"


def upgrade() -> None:
    op.execute("CREATE INDEX needs_area ON needs (category, unit, region) WHERE NOT ended")


def downgrade() -> None:
    op.execute("DROP INDEX needs_area")
