"""What has to be known to tell anew: when and how the need of an accepted match ended, when a pledge was released."""

from alembic import op

revision = "matching_0002"
down_revision = "matching_0001"


def upgrade() -> None:
    op.execute("ALTER TABLE matches ADD need_ended_because varchar(50), ADD need_ended_at timestamptz")
    op.execute("ALTER TABLE pledges ADD released_at timestamptz")


def downgrade() -> None:
    op.execute("ALTER TABLE matches DROP need_ended_because, DROP need_ended_at")
    op.execute("ALTER TABLE pledges DROP released_at")
