"""Who closed a match, and who removed a photo: nobody decides about what they did themselves."""

from alembic import op

revision = "matching_0015"
down_revision = "matching_0014"


def upgrade() -> None:
    op.execute("ALTER TABLE matches ADD closed_by uuid")
    op.execute("ALTER TABLE photos ADD removed_by uuid")


def downgrade() -> None:
    op.execute("ALTER TABLE photos DROP removed_by")
    op.execute("ALTER TABLE matches DROP closed_by")
