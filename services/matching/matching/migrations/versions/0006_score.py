"""What a unit was worth when a match was proposed, of which parts, by how much it led, and by which version of the weights."""

from alembic import op

revision = "matching_0006"
down_revision = "matching_0005"


def upgrade() -> None:
    op.execute("ALTER TABLE matches ADD parts jsonb, ADD score bigint, ADD lead bigint, ADD weights_version integer")


def downgrade() -> None:
    op.execute("ALTER TABLE matches DROP parts, DROP score, DROP lead, DROP weights_version")
