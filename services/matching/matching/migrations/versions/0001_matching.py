"""The book, the matches, what is to be cleared."""

from alembic import op

revision = "matching_0001"
down_revision = None


def upgrade() -> None:
    # Rows of the book change their rest often: room in the page and no index on `rest` keep such updates cheap (HOT).
    op.execute(
        """
        CREATE TABLE needs (
            id uuid CONSTRAINT needs_pk PRIMARY KEY,
            version bigint NOT NULL,
            household_id uuid NOT NULL,
            account_id uuid,
            poster_id uuid NOT NULL,
            region varchar(12) COLLATE "C" NOT NULL,
            category varchar(100) COLLATE "C" NOT NULL,
            unit varchar(20) NOT NULL,
            urgency smallint NOT NULL,
            quantity bigint NOT NULL,
            rest bigint NOT NULL CHECK (rest BETWEEN 0 AND quantity),
            ended boolean NOT NULL,
            posted_at timestamptz NOT NULL
        ) WITH (fillfactor = 80)
        """
    )
    # The region stands last so that it is checked in the index while needs are read in the order of their urgency.
    op.execute("CREATE INDEX needs_fitting ON needs (category, unit, urgency DESC, posted_at, region) WHERE NOT ended")
    op.execute(
        'CREATE TABLE categories (category varchar(100) COLLATE "C", unit varchar(20), CONSTRAINT categories_pk PRIMARY KEY (category, unit))'
    )
    op.execute(
        """
        CREATE TABLE pledges (
            id uuid CONSTRAINT pledges_pk PRIMARY KEY,
            version bigint NOT NULL,
            pledger_id uuid NOT NULL,
            category varchar(100) COLLATE "C" NOT NULL,
            unit varchar(20) NOT NULL,
            scope varchar(12) COLLATE "C" NOT NULL,
            quantity bigint NOT NULL,
            rest bigint NOT NULL CHECK (rest BETWEEN 0 AND quantity),
            ended boolean NOT NULL,
            valid_until timestamptz NOT NULL,
            offered_at timestamptz NOT NULL,
            releases bigint NOT NULL
        ) WITH (fillfactor = 80)
        """
    )
    op.execute("CREATE INDEX pledges_fitting ON pledges (category, unit, scope, offered_at) WHERE NOT ended")
    op.execute(
        """
        CREATE TABLE matches (
            id uuid CONSTRAINT matches_pk PRIMARY KEY,
            version bigint NOT NULL,
            need_id uuid NOT NULL,
            pledge_id uuid NOT NULL,
            household_id uuid NOT NULL,
            account_id uuid,
            poster_id uuid NOT NULL,
            pledger_id uuid NOT NULL,
            region varchar(12) COLLATE "C" NOT NULL,
            category varchar(100) COLLATE "C" NOT NULL,
            unit varchar(20) NOT NULL,
            quantity bigint NOT NULL CHECK (quantity > 0),
            state varchar(20) NOT NULL CHECK (state IN ('proposed', 'accepted', 'refused', 'lapsed')),
            reasons jsonb NOT NULL,
            ended_because varchar(50),
            barred boolean NOT NULL,
            proposed_at timestamptz NOT NULL,
            answer_by timestamptz NOT NULL,
            answered_at timestamptz
        )
        """
    )
    op.execute("CREATE INDEX matches_need_id ON matches (need_id)")
    op.execute("CREATE INDEX matches_pledge_id ON matches (pledge_id)")
    op.execute("CREATE INDEX matches_barred ON matches (need_id, pledge_id) WHERE barred")
    op.execute("CREATE INDEX matches_answer_by ON matches (answer_by) WHERE state = 'proposed'")
    op.execute("CREATE INDEX matches_pledger_id ON matches (pledger_id, id)")
    op.execute("CREATE INDEX matches_account_id ON matches (account_id, id) WHERE account_id IS NOT NULL")
    op.execute("CREATE INDEX matches_poster_id ON matches (poster_id, id)")
    op.execute("CREATE INDEX matches_region ON matches (region)")
    op.execute(
        "CREATE TABLE to_clear (side varchar(6) CHECK (side IN ('need', 'pledge')), id uuid, due_at timestamptz NOT NULL DEFAULT now(),"
        " CONSTRAINT to_clear_pk PRIMARY KEY (side, id))"
    )
    op.execute("CREATE INDEX to_clear_due_at ON to_clear (due_at)")


def downgrade() -> None:
    op.execute("DROP TABLE needs, categories, pledges, matches, to_clear")
