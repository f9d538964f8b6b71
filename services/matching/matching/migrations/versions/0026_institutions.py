"""Needs of institutions, which do not count among the households that stand behind a township."""

from alembic import op

revision = "matching_0026"
down_revision = "matching_0025"


def upgrade() -> None:
    op.execute("ALTER TABLE needs ADD COLUMN IF NOT EXISTS of_institution boolean NOT NULL DEFAULT false")


def downgrade() -> None:
    op.execute("ALTER TABLE needs DROP of_institution")
