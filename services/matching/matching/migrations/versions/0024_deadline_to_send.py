"""The deadline to send an accepted match, and its reminders. A timer sets the deadline of what was accepted before, from now on."""

from alembic import op

revision = "matching_0024"
down_revision = "matching_0023"

INDEXES = {"matches_send_by": "send_by", "matches_to_remind_to_send": "send_reminder_at"}


def upgrade() -> None:
    op.execute(
        "ALTER TABLE matches ADD IF NOT EXISTS send_by timestamptz, ADD IF NOT EXISTS send_reminder_at timestamptz,"
        " ADD IF NOT EXISTS send_reminded_at timestamptz"
    )
    with op.get_context().autocommit_block():
        for name, column in INDEXES.items():
            op.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON matches ({column}) WHERE state = 'accepted'")


def downgrade() -> None:
    op.execute(f"DROP INDEX {', '.join(INDEXES)}")
    op.execute("ALTER TABLE matches DROP send_by, DROP send_reminder_at, DROP send_reminded_at")
