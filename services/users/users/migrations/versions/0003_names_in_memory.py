"""The index over the characters of names goes: names are searched in memory. A process of the release before searches slowly until replaced."""

from alembic import op

revision = "users_0003"
down_revision = "users_0002"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS regions_characters")


def downgrade() -> None:
    op.execute("CREATE INDEX regions_characters ON regions USING gin (string_to_array(name, NULL)) WITH (fastupdate = off)")
