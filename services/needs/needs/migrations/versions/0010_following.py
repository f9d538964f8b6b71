"""Households that ended and institutions; needs that go along with their households."""

from alembic import op

revision = "needs_0010"
down_revision = "needs_0009"


def upgrade() -> None:
    op.execute(
        "ALTER TABLE households ADD COLUMN IF NOT EXISTS ended boolean NOT NULL DEFAULT false, ADD COLUMN IF NOT EXISTS ended_by uuid,"
        " ADD COLUMN IF NOT EXISTS merged_into uuid, ADD COLUMN IF NOT EXISTS is_institution boolean NOT NULL DEFAULT false"
    )
    op.execute(
        "ALTER TABLE needs ADD COLUMN IF NOT EXISTS published_version bigint, ADD COLUMN IF NOT EXISTS moved_version bigint,"
        " ADD COLUMN IF NOT EXISTS moved_at timestamptz, ADD COLUMN IF NOT EXISTS of_institution boolean NOT NULL DEFAULT false"
    )
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS households_merged")
        op.execute("CREATE INDEX CONCURRENTLY households_merged ON households (merged_into) WHERE merged_into IS NOT NULL")


def downgrade() -> None:
    op.execute("ALTER TABLE households DROP ended, DROP ended_by, DROP merged_into, DROP is_institution")
    op.execute("ALTER TABLE needs DROP published_version, DROP moved_version, DROP moved_at, DROP of_institution")
