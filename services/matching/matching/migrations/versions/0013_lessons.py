"""What is learnt from refusals, and pledges that rest."""

from alembic import op

revision = "matching_0013"
down_revision = "matching_0012"


def upgrade() -> None:
    op.execute("ALTER TABLE pledges ADD paused boolean NOT NULL DEFAULT false CHECK (ended OR NOT paused)")
    op.execute(
        """
        CREATE TABLE lessons (
            id uuid CONSTRAINT lessons_pk PRIMARY KEY,
            version bigint NOT NULL,
            pledge_id uuid NOT NULL,
            pledger_id uuid NOT NULL,
            match_id uuid NOT NULL CONSTRAINT lessons_match_id UNIQUE REFERENCES matches (id),
            reason varchar(20) NOT NULL,
            region varchar(12) COLLATE "C",
            category varchar(100) COLLATE "C" NOT NULL,
            learnt_at timestamptz NOT NULL,
            forgotten_at timestamptz
        )
        """
    )
    op.execute("CREATE INDEX lessons_pledge_id ON lessons (pledge_id) WHERE forgotten_at IS NULL")
    op.execute("CREATE INDEX lessons_where ON lessons (region, category) WHERE forgotten_at IS NULL AND region IS NOT NULL")
    op.execute("CREATE INDEX lessons_pledger_id ON lessons (pledger_id, id)")


def downgrade() -> None:
    op.execute("DROP TABLE lessons")
    op.execute("ALTER TABLE pledges DROP paused")
