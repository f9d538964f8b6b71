"""Needs of an item in an area, for whoever is shown others beside the one they chose; who was reminded to answer."""

from alembic import op

revision = "matching_0005"
down_revision = "matching_0004"


def upgrade() -> None:
    op.execute("CREATE INDEX needs_area ON needs (category, unit, region) WHERE NOT ended")
    op.execute("ALTER TABLE matches ADD reminded_at timestamptz")
    op.execute("CREATE INDEX matches_to_remind ON matches (answer_by) WHERE state = 'proposed' AND reminded_at IS NULL")


def downgrade() -> None:
    op.execute("DROP INDEX needs_area")
    op.execute("ALTER TABLE matches DROP reminded_at")
