"""The charity that receives the money of a need and of its matches."""

from alembic import op

revision = "matching_0028"
down_revision = "matching_0027"


def upgrade() -> None:
    op.execute("ALTER TABLE needs ADD charity varchar(200)")
    op.execute("ALTER TABLE matches ADD charity varchar(200)")
    # Needs for money from before have no charity, so nothing more is proposed for them. Accepted matches stay.
    op.execute("UPDATE needs SET rest = 0, ended = true WHERE unit = 'fen' AND NOT ended")


def downgrade() -> None:
    op.execute("ALTER TABLE matches DROP charity")
    op.execute("ALTER TABLE needs DROP charity")
