"""Published needs by county."""

from alembic import op

revision = "bulletin_0001"
down_revision = None


def upgrade() -> None:
    op.execute("CREATE TABLE counties (county varchar(6) PRIMARY KEY, published bigint NOT NULL)")
