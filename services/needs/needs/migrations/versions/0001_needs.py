"""Needs and pledges, and copies of households and matches."""

from alembic import op

revision = "needs_0001"
down_revision = None


def upgrade() -> None:
    op.execute(
        'CREATE TABLE households (id uuid CONSTRAINT households_pk PRIMARY KEY, version bigint NOT NULL, account_id uuid,'
        ' region varchar(12) COLLATE "C" NOT NULL)'
    )
    op.execute("CREATE INDEX households_account_id ON households (account_id) WHERE account_id IS NOT NULL")
    op.execute(
        """
        CREATE TABLE needs (
            id uuid CONSTRAINT needs_pk PRIMARY KEY,
            version bigint NOT NULL,
            household_id uuid NOT NULL,
            account_id uuid,
            poster_id uuid NOT NULL,
            consent varchar(20),
            region varchar(12) COLLATE "C" NOT NULL,
            category varchar(100) COLLATE "C" NOT NULL,
            unit varchar(20) NOT NULL,
            quantity bigint NOT NULL CHECK (quantity BETWEEN 1 AND 1000000000),
            urgency varchar(20) NOT NULL,
            reason bytea NOT NULL,
            state varchar(20) NOT NULL CHECK (state IN ('posted', 'published', 'rejected', 'withdrawn', 'closed')),
            verifier_id uuid CHECK (verifier_id <> poster_id),
            ended_because varchar(50),
            posted_at timestamptz NOT NULL,
            published_at timestamptz,
            ended_at timestamptz
        )
        """
    )
    op.execute("CREATE INDEX needs_hall ON needs (id) WHERE state = 'published'")
    op.execute("CREATE INDEX needs_category ON needs (category, region) WHERE state = 'published'")
    op.execute("CREATE INDEX needs_region ON needs (region, state)")
    op.execute("CREATE INDEX needs_account_id ON needs (account_id, id) WHERE account_id IS NOT NULL")
    op.execute("CREATE INDEX needs_poster_id ON needs (poster_id, id)")
    op.execute(
        """
        CREATE TABLE pledges (
            id uuid CONSTRAINT pledges_pk PRIMARY KEY,
            version bigint NOT NULL,
            pledger_id uuid NOT NULL,
            kind varchar(20) NOT NULL,
            category varchar(100) COLLATE "C" NOT NULL,
            unit varchar(20) NOT NULL,
            quantity bigint NOT NULL CHECK (quantity BETWEEN 1 AND 1000000000),
            region varchar(12) COLLATE "C" NOT NULL,
            note bytea,
            valid_until timestamptz NOT NULL,
            withdrawn boolean NOT NULL,
            offered_at timestamptz NOT NULL,
            answered_version bigint NOT NULL,
            released_version bigint NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX pledges_pledger_id ON pledges (pledger_id, id)")
    op.execute("CREATE INDEX pledges_hall ON pledges (id) WHERE NOT withdrawn")
    op.execute("CREATE INDEX pledges_category ON pledges (category, region) WHERE NOT withdrawn")
    op.execute(
        "CREATE TABLE matches (id uuid CONSTRAINT matches_pk PRIMARY KEY, version bigint NOT NULL, need_id uuid NOT NULL,"
        " pledge_id uuid NOT NULL, quantity bigint NOT NULL, state varchar(20) NOT NULL)"
    )
    op.execute("CREATE INDEX matches_need_id ON matches (need_id)")
    op.execute("CREATE INDEX matches_pledge_id ON matches (pledge_id)")


def downgrade() -> None:
    op.execute("DROP TABLE households, needs, pledges, matches")
