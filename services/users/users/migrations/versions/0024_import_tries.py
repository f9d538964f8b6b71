"""How many processes have begun with an import since its cursor moved last."""

from alembic import op

revision = "users_0024"
down_revision = "users_0017"


def upgrade() -> None:
    op.execute("ALTER TABLE imports ADD COLUMN tries bigint NOT NULL DEFAULT 0")


def downgrade() -> None:
    op.execute("ALTER TABLE imports DROP COLUMN tries")
