"""Households that were merged into others, for the most that one household may get of a pledge."""

from alembic import op

revision = "matching_0040"
down_revision = "matching_0039"


def upgrade() -> None:
    op.execute("CREATE TABLE merged_households (household_id uuid PRIMARY KEY, present_id uuid NOT NULL)")
    op.execute("CREATE INDEX merged_households_present_id ON merged_households (present_id)")


def downgrade() -> None:
    op.execute("DROP TABLE merged_households")
