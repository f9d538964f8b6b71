"""Collection points, consents of households, and hand-overs of accepted matches."""

from alembic import op

revision = "users_0013"
down_revision = "users_0012"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE places (
            id uuid CONSTRAINT places_pk PRIMARY KEY,
            version bigint NOT NULL,
            region varchar(12) COLLATE "C" NOT NULL,
            state varchar(20) NOT NULL,
            name varchar(100) NOT NULL,
            address varchar(200) NOT NULL,
            hours varchar(200) NOT NULL,
            telephone varchar(20),
            do_not_bring varchar(300) NOT NULL,
            published_version bigint,
            published_at timestamptz,
            route_version bigint NOT NULL,
            announced_version bigint NOT NULL,
            announced_to uuid,
            proposal_id uuid,
            proposed_name varchar(100),
            proposed_address varchar(200),
            proposed_telephone varchar(20),
            proposed_by uuid,
            proposed_at timestamptz,
            proposed_version bigint
        )
        """
    )
    op.execute("CREATE INDEX places_region ON places (region, id)")
    op.execute("CREATE INDEX places_published ON places (region, id) WHERE state IN ('open', 'closed')")
    op.execute("CREATE INDEX places_unannounced ON places (id) WHERE announced_version < route_version")
    op.execute(
        """
        CREATE TABLE consents (
            id uuid CONSTRAINT consents_pk PRIMARY KEY,
            version bigint NOT NULL,
            household_id uuid NOT NULL REFERENCES households,
            purpose varchar(20) NOT NULL,
            text_version varchar(20) NOT NULL,
            way varchar(20) NOT NULL,
            given_at timestamptz NOT NULL,
            recorded_by uuid NOT NULL,
            withdrawn_at timestamptz,
            withdrawn_by uuid
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX consents_standing_key ON consents (household_id, purpose) WHERE withdrawn_at IS NULL")
    op.execute("CREATE INDEX consents_household ON consents (household_id, id)")
    op.execute(
        """
        CREATE TABLE handovers (
            id uuid CONSTRAINT handovers_pk PRIMARY KEY,
            match_id uuid NOT NULL,
            version bigint NOT NULL,
            household_id uuid NOT NULL,
            account_id uuid,
            poster_id uuid NOT NULL,
            pledger_id uuid NOT NULL,
            region varchar(12) COLLATE "C" NOT NULL,
            category varchar(100) COLLATE "C" NOT NULL,
            unit varchar(20) NOT NULL,
            quantity bigint NOT NULL,
            step varchar(20) NOT NULL,
            shuts_at timestamptz NOT NULL,
            place_id uuid,
            route_version bigint NOT NULL,
            told_version bigint NOT NULL,
            told_at timestamptz
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX handovers_match_id_key ON handovers (match_id)")
    op.execute("CREATE INDEX handovers_household ON handovers (household_id)")
    op.execute("CREATE INDEX handovers_under_way ON handovers (region, match_id) WHERE step IN ('accepted', 'sent')")


def downgrade() -> None:
    op.execute("DROP TABLE handovers, consents, places")
