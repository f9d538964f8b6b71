"""A clearing walks pledges of which something is free, and no others: those that are used up or over leave the index that it walks."""

from alembic import op

revision = "matching_0020"
down_revision = "matching_0019"

IN_ORDER = "pledges (category, unit, scope, reliability DESC, offered_at)"


def upgrade() -> None:
    # The index names this column instead of `rest`: as long as it stays true, a pledge of which something is taken stays where it is in
    # every index.
    op.execute("ALTER TABLE pledges ADD open boolean NOT NULL GENERATED ALWAYS AS (NOT ended AND NOT expired AND rest > 0) STORED")
    op.execute("DROP INDEX pledges_fitting")
    op.execute(f"CREATE INDEX pledges_fitting ON {IN_ORDER} WHERE open")


def downgrade() -> None:
    op.execute("DROP INDEX pledges_fitting")
    op.execute("ALTER TABLE pledges DROP open")
    op.execute(f"CREATE INDEX pledges_fitting ON {IN_ORDER} WHERE NOT ended")
