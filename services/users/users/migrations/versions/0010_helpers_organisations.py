"""Cadres and work units, helpers of villages and households, organisations and their confirmation."""

from alembic import op

revision = "users_0010"
down_revision = "users_0009"

KINDS = "'household', 'donor', 'organisation', 'merchant', 'volunteer', 'staff'"


def upgrade() -> None:
    op.execute("ALTER TABLE accounts DROP CONSTRAINT accounts_kind_check")
    op.execute(f"ALTER TABLE accounts ADD CONSTRAINT accounts_kind_check CHECK (kind IN ({KINDS}, 'cadre', 'work_unit')) NOT VALID")
    op.execute(
        """
        CREATE TABLE helper_assignments (
            id uuid CONSTRAINT helper_assignments_pk PRIMARY KEY,
            version bigint NOT NULL,
            account_id uuid NOT NULL REFERENCES accounts,
            role varchar(30) NOT NULL,
            unit varchar(100) NOT NULL,
            post varchar(100) NOT NULL,
            region varchar(12) COLLATE "C" NOT NULL,
            household_id uuid REFERENCES households,
            assigned_by uuid NOT NULL,
            assigned_at timestamptz NOT NULL,
            released_by uuid,
            released_at timestamptz,
            successor_id uuid
        )
        """
    )
    op.execute(
        "CREATE UNIQUE INDEX helper_assignments_standing_key ON helper_assignments (account_id, region, role,"
        " coalesce(household_id, '00000000-0000-0000-0000-000000000000')) WHERE released_at IS NULL"
    )
    op.execute("CREATE INDEX helper_assignments_region ON helper_assignments (region, id)")
    op.execute(
        """
        CREATE TABLE organisations (
            id uuid CONSTRAINT organisations_pk PRIMARY KEY REFERENCES accounts,
            version bigint NOT NULL,
            name bytea NOT NULL,
            uscc bytea NOT NULL,
            uscc_fingerprint bytea NOT NULL,
            region varchar(12) COLLATE "C" NOT NULL,
            stated_at timestamptz NOT NULL,
            verified_by uuid,
            verified_at timestamptz,
            verified_version bigint,
            ended_by uuid,
            ended_at timestamptz,
            reason varchar(20)
        )
        """
    )
    op.execute(
        "CREATE UNIQUE INDEX organisations_verified_key ON organisations (uscc_fingerprint) WHERE verified_at IS NOT NULL AND ended_at IS NULL"
    )
    op.execute("CREATE INDEX organisations_region ON organisations (region, id)")


def downgrade() -> None:
    op.execute("DROP TABLE organisations, helper_assignments")
    op.execute("ALTER TABLE accounts DROP CONSTRAINT accounts_kind_check")
    op.execute(f"ALTER TABLE accounts ADD CONSTRAINT accounts_kind_check CHECK (kind IN ({KINDS}))")
