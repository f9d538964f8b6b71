"""The size of a household, from the events of users, null until they tell it; reminders of pledges of perishable goods.

Pledges of before with a best-before date are reminded of too.
"""

from alembic import op

revision = "needs_0028"
down_revision = "needs_0027"


def upgrade() -> None:
    op.execute("ALTER TABLE households ADD IF NOT EXISTS size smallint")
    op.execute(
        "ALTER TABLE pledges ADD IF NOT EXISTS remind_at timestamptz, ADD IF NOT EXISTS reminded_at timestamptz,"
        " ADD IF NOT EXISTS reminded_version bigint"
    )
    op.execute(
        "UPDATE pledges SET remind_at = valid_until - interval '7 days'"
        " WHERE valid_until >= best_before - interval '5 days' AND NOT withdrawn AND NOT expired AND valid_until > now()"
    )
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS pledges_remind_at")
        op.execute("CREATE INDEX CONCURRENTLY pledges_remind_at ON pledges (remind_at) WHERE remind_at IS NOT NULL")


def downgrade() -> None:
    op.execute("ALTER TABLE pledges DROP remind_at, DROP reminded_at, DROP reminded_version")
    op.execute("ALTER TABLE households DROP size")
