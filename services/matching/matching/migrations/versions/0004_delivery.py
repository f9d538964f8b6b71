"""What moves in a match, and the slips that are printed for it."""

from alembic import op

revision = "matching_0004"
down_revision = "matching_0003"

STATES = "'proposed', 'accepted', 'refused', 'lapsed'"


def upgrade() -> None:
    op.execute("ALTER TABLE matches ADD need_ended_version bigint, ADD closed_at timestamptz")
    op.execute("ALTER TABLE matches DROP CONSTRAINT matches_state_check")
    op.execute(f"ALTER TABLE matches ADD CONSTRAINT matches_state_check CHECK (state IN ({STATES}, 'sent', 'received', 'closed'))")
    op.execute("UPDATE matches SET need_ended_version = version WHERE need_ended_at IS NOT NULL")
    op.execute(
        """
        CREATE TABLE movements (
            match_id uuid NOT NULL REFERENCES matches (id),
            kind varchar(20) NOT NULL CHECK (kind IN ('promised', 'sent', 'received', 'returned')),
            quantity bigint NOT NULL CHECK (quantity > 0 OR kind = 'received' AND quantity = 0),
            version bigint NOT NULL,
            at timestamptz NOT NULL,
            by uuid,
            slip_id uuid,
            reason varchar(20),
            carrier varchar(20),
            tracking_number bytea,
            CONSTRAINT movements_pk PRIMARY KEY (match_id, kind)
        )
        """
    )
    op.execute(
        "INSERT INTO movements (match_id, kind, quantity, version, at, by)"
        " SELECT id, 'promised', quantity, version - (need_ended_at IS NOT NULL)::int, answered_at, pledger_id FROM matches"
        " WHERE state = 'accepted'"
    )
    op.execute(
        "CREATE FUNCTION movements_are_only_added() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'what moved is never changed nor removed' USING ERRCODE = 'restrict_violation'; END $$"
    )
    op.execute(
        "CREATE TRIGGER movements_are_only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON movements"
        " FOR EACH STATEMENT EXECUTE FUNCTION movements_are_only_added()"
    )
    op.execute(
        """
        CREATE TABLE slips (
            id uuid CONSTRAINT slips_pk PRIMARY KEY,
            match_id uuid NOT NULL REFERENCES matches (id),
            token_hash bytea NOT NULL CONSTRAINT slips_token_hash UNIQUE,
            printed_by uuid NOT NULL,
            printed_at timestamptz NOT NULL,
            expires_at timestamptz NOT NULL,
            revoked_at timestamptz,
            used_at timestamptz
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX slips_in_force ON slips (match_id) WHERE revoked_at IS NULL AND used_at IS NULL")


def downgrade() -> None:
    op.execute("DROP TABLE slips, movements")
    op.execute("DROP FUNCTION movements_are_only_added")
    op.execute("DELETE FROM matches WHERE state IN ('sent', 'received', 'closed')")
    op.execute("ALTER TABLE matches DROP CONSTRAINT matches_state_check")
    op.execute(f"ALTER TABLE matches ADD CONSTRAINT matches_state_check CHECK (state IN ({STATES}))")
    op.execute("ALTER TABLE matches DROP need_ended_version, DROP closed_at")
