"""The indexes go that the listings of the hall replace. Until it is replaced, a process of the release before lists slowly."""

from alembic import op

revision = "needs_0007"
down_revision = "needs_0006"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for name in ("needs_hall", "needs_category", "pledges_hall", "pledges_category"):
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


def downgrade() -> None:
    op.execute("CREATE INDEX needs_hall ON needs (id) WHERE state = 'published'")
    op.execute("CREATE INDEX needs_category ON needs (category, region) WHERE state = 'published'")
    op.execute("CREATE INDEX pledges_hall ON pledges (id) WHERE NOT withdrawn")
    op.execute("CREATE INDEX pledges_category ON pledges (category, region) WHERE NOT withdrawn")
