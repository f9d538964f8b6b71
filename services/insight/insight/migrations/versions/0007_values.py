"""Reference values of items, as the catalogue states their prices."""

from alembic import op

revision = "insight_0007"
down_revision = "insight_0006"


def upgrade() -> None:
    op.execute(
        'CREATE TABLE item_values (category varchar(100) COLLATE "C" CONSTRAINT item_values_pk PRIMARY KEY, version bigint NOT NULL,'
        " fen bigint NOT NULL)"
    )


def downgrade() -> None:
    op.execute("DROP TABLE item_values")
