"""Drafts, photos of needs, and copies of the balance of matching, which the guide reads."""

from alembic import op

revision = "needs_0018"
down_revision = "needs_0017"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE drafts (
            id uuid CONSTRAINT drafts_pk PRIMARY KEY,
            version bigint NOT NULL,
            author_id uuid NOT NULL,
            household_id uuid,
            content bytea,
            need_id uuid,
            made_at timestamptz NOT NULL,
            changed_at timestamptz NOT NULL,
            expires_at timestamptz NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX drafts_author_id ON drafts (author_id, id)")
    op.execute("CREATE INDEX drafts_household_id ON drafts (household_id) WHERE household_id IS NOT NULL")
    op.execute("CREATE INDEX drafts_expires_at ON drafts (expires_at)")
    op.execute(
        """
        CREATE TABLE need_photos (
            id uuid CONSTRAINT need_photos_pk PRIMARY KEY,
            version bigint NOT NULL,
            need_id uuid NOT NULL CONSTRAINT need_photos_need_id_fk REFERENCES needs,
            kind varchar(10) NOT NULL,
            is_public boolean NOT NULL DEFAULT false CHECK (NOT is_public OR kind = 'need'),
            shown_by uuid,
            added_by uuid NOT NULL,
            added_at timestamptz NOT NULL,
            width integer NOT NULL,
            height integer NOT NULL,
            size integer NOT NULL,
            digest bytea NOT NULL,
            data bytea,
            removed_at timestamptz,
            removed_by uuid
        )
        """
    )
    # Encrypted bytes do not shrink, so they are not tried to be compressed.
    op.execute("ALTER TABLE need_photos ALTER data SET STORAGE EXTERNAL")
    op.execute("CREATE INDEX need_photos_need_id ON need_photos (need_id, id)")
    op.execute("CREATE INDEX need_photos_digest ON need_photos (digest) WHERE removed_at IS NULL")
    op.execute(
        """
        CREATE TABLE balances (
            id uuid CONSTRAINT balances_pk PRIMARY KEY,
            version bigint NOT NULL,
            region varchar(12) COLLATE "C" NOT NULL,
            category varchar(100) COLLATE "C" NOT NULL,
            unit varchar(20) NOT NULL,
            waiting_needs bigint NOT NULL,
            waiting_units bigint NOT NULL,
            open_pledges bigint NOT NULL,
            open_units bigint NOT NULL,
            typical_days bigint,
            counted_at timestamptz NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX balances_category ON balances (category, region)")
    op.execute("CREATE INDEX balances_region ON balances (region)")


def downgrade() -> None:
    op.execute("DROP TABLE drafts, need_photos, balances")
