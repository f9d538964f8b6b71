"""The words of the catalogue's items."""

from alembic import op

revision = "chassis_0008"
down_revision = "chassis_0007"


def upgrade() -> None:
    op.execute(
        'CREATE TABLE item_words (category varchar(100) COLLATE "C" CONSTRAINT item_words_pk PRIMARY KEY, version bigint NOT NULL,'
        " id uuid NOT NULL, unit varchar(20), kind varchar(20) NOT NULL, zh varchar(100) NOT NULL, en varchar(100) NOT NULL,"
        " measure varchar(20) NOT NULL, noun_zh varchar(100) NOT NULL, noun_en varchar(100) NOT NULL)"
    )


def downgrade() -> None:
    op.execute("DROP TABLE item_words")
