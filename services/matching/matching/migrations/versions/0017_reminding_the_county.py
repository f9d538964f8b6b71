"""When the county was reminded last that a dispute waits for it."""

from alembic import op

revision = "matching_0017"
down_revision = "matching_0016"


def upgrade() -> None:
    op.execute("ALTER TABLE disputes ADD reminded_at timestamptz")
    op.execute("CREATE INDEX disputes_raised_at ON disputes (raised_at) WHERE state = 'raised'")


def downgrade() -> None:
    op.execute("ALTER TABLE disputes DROP reminded_at")
    op.execute("DROP INDEX disputes_raised_at")
