"""The national division codes."""

from alembic import op

from users.regions.shipped import load_edition

revision = "users_0002"
down_revision = "users_0001"


def upgrade() -> None:
    load_edition(op.get_bind())
    op.execute("ALTER TABLE regions ADD CONSTRAINT regions_pk PRIMARY KEY (code)")
    op.execute("CREATE INDEX regions_level ON regions (length(code), code)")
    op.execute("ANALYZE regions, region_aliases")


def downgrade() -> None:
    op.execute("ALTER TABLE regions DROP CONSTRAINT regions_pk")
    op.execute("DROP INDEX regions_level")
    op.execute("DROP INDEX IF EXISTS regions_characters")
    op.execute("TRUNCATE regions, region_aliases")
