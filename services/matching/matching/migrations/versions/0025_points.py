"""Collection points, as users tells of them; and the kind of giver of an accepted match."""

from alembic import op

revision = "matching_0025"
down_revision = "matching_0024"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE points (
            id uuid CONSTRAINT points_pk PRIMARY KEY,
            version bigint NOT NULL,
            region varchar(12) COLLATE "C" NOT NULL,
            state varchar(20) NOT NULL,
            name varchar(100) NOT NULL,
            address varchar(200) NOT NULL,
            hours varchar(200) NOT NULL,
            telephone varchar(20),
            do_not_bring varchar(300) NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX points_open ON points (region, id) WHERE state = 'open'")
    op.execute("ALTER TABLE matches ADD giver_kind varchar(20)")


def downgrade() -> None:
    op.execute("ALTER TABLE matches DROP giver_kind")
    op.execute("DROP TABLE points")
