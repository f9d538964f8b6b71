"""Photos of what moved in a match."""

from alembic import op

revision = "matching_0010"
down_revision = "matching_0007"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE photos (
            id uuid CONSTRAINT photos_pk PRIMARY KEY,
            version bigint NOT NULL,
            match_id uuid NOT NULL REFERENCES matches (id),
            side varchar(10) NOT NULL CHECK (side IN ('giver', 'household')),
            purpose varchar(10) NOT NULL CHECK (purpose IN ('evidence', 'thanks')),
            added_by uuid NOT NULL,
            added_at timestamptz NOT NULL,
            width integer NOT NULL,
            height integer NOT NULL,
            size integer NOT NULL,
            digest bytea NOT NULL,
            data bytea,
            removed_at timestamptz,
            CHECK ((data IS NULL) = (removed_at IS NOT NULL))
        )
        """
    )
    # What is encrypted cannot be made smaller.
    op.execute("ALTER TABLE photos ALTER data SET STORAGE EXTERNAL")
    op.execute("CREATE INDEX photos_match_id ON photos (match_id, id)")


def downgrade() -> None:
    op.execute("DROP TABLE photos")
