"""Photos of what moved in a match, and the thanks for it."""

from alembic import op

revision = "matching_0010"
down_revision = "matching_0009"


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
    op.execute(
        """
        CREATE TABLE thanks (
            id uuid CONSTRAINT thanks_pk PRIMARY KEY,
            version bigint NOT NULL,
            match_id uuid NOT NULL REFERENCES matches (id),
            author_id uuid NOT NULL,
            text bytea NOT NULL,
            photo_id uuid REFERENCES photos (id),
            state varchar(10) NOT NULL CHECK (state IN ('waiting', 'released', 'refused')),
            reason varchar(20),
            written_at timestamptz NOT NULL,
            decided_by uuid,
            decided_at timestamptz,
            CHECK ((state = 'waiting') = (decided_at IS NULL)),
            CHECK ((state = 'refused') = (reason IS NOT NULL))
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX thanks_once ON thanks (match_id) WHERE state <> 'refused'")
    op.execute("CREATE INDEX thanks_match_id ON thanks (match_id, id)")
    op.execute("CREATE INDEX thanks_waiting ON thanks (id) WHERE state = 'waiting'")


def downgrade() -> None:
    op.execute("DROP TABLE thanks, photos")
