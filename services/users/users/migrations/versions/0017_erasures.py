"""Erasures: who was erased, when, for which purpose, and whose keys went."""

from alembic import op

revision = "users_0017"
down_revision = "users_0014"


def upgrade() -> None:
    op.execute("ALTER TABLE accounts DROP CONSTRAINT accounts_state_check")
    op.execute("ALTER TABLE accounts ADD CONSTRAINT accounts_state_check CHECK (state IN ('active', 'closed', 'erased')) NOT VALID")
    op.execute(
        """
        CREATE TABLE erasures (
            id uuid CONSTRAINT erasures_pk PRIMARY KEY,
            version bigint NOT NULL,
            account_id uuid,
            household_id uuid,
            people uuid[] NOT NULL,
            region varchar(12) COLLATE "C" NOT NULL,
            purpose varchar(20) NOT NULL,
            reason varchar(20) NOT NULL,
            requested_by uuid,
            requested_at timestamptz NOT NULL,
            erased_at timestamptz
        )
        """
    )
    op.execute(
        "CREATE INDEX accounts_unused ON accounts (registered_at) WHERE state = 'closed' OR state = 'active' AND proven_at IS NULL"
    )
    for side in ("pledger_id", "account_id", "household_id"):
        op.execute(f"CREATE INDEX handovers_{side} ON handovers ({side}, shuts_at)")
    op.execute("CREATE INDEX erasures_due ON erasures (requested_at) WHERE erased_at IS NULL")
    op.execute("CREATE INDEX erasures_done ON erasures (erased_at)")
    op.execute("CREATE INDEX erasures_region ON erasures (region)")
    op.execute("CREATE INDEX erasures_household ON erasures (household_id)")


def downgrade() -> None:
    op.execute("ALTER TABLE accounts DROP CONSTRAINT accounts_state_check")
    op.execute("ALTER TABLE accounts ADD CONSTRAINT accounts_state_check CHECK (state IN ('active', 'closed')) NOT VALID")
    op.execute("DROP TABLE erasures")
    for index in ("accounts_unused", "handovers_pledger_id", "handovers_account_id", "handovers_household_id"):
        op.execute(f"DROP INDEX {index}")
