"""Self-reports."""

from alembic import op

revision = "users_0016"
down_revision = "users_0013"


PURPOSES = "'registration', 'sign_in', 'password_reset', 'phone_change'"


def upgrade() -> None:
    op.execute("ALTER TABLE code_requests DROP CONSTRAINT code_requests_purpose_check")
    op.execute(f"ALTER TABLE code_requests ADD CONSTRAINT code_requests_purpose_check CHECK (purpose IN ({PURPOSES}, 'self_report'))")
    op.execute(
        """
        CREATE TABLE self_reports (
            id uuid CONSTRAINT self_reports_pk PRIMARY KEY,
            version bigint NOT NULL,
            region varchar(12) COLLATE "C" NOT NULL,
            name bytea NOT NULL,
            phone bytea,
            phone_proven_at timestamptz,
            code_id uuid,
            people smallint NOT NULL,
            difficulty varchar(20) NOT NULL,
            story bytea NOT NULL,
            state varchar(10) NOT NULL CHECK (state IN ('waiting', 'open', 'visited', 'admitted', 'declined')),
            reported_at timestamptz NOT NULL,
            opened_at timestamptz,
            visit_by timestamptz,
            decide_by timestamptz,
            is_provisional boolean NOT NULL,
            visited_at timestamptz,
            visited_by uuid,
            decided_at timestamptz,
            decided_by uuid,
            reason varchar(20),
            household_id uuid REFERENCES households,
            CHECK (state = 'waiting' OR (opened_at IS NOT NULL AND visit_by IS NOT NULL AND decide_by IS NOT NULL))
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX self_reports_code_id_key ON self_reports (code_id)")
    op.execute("CREATE INDEX self_reports_region ON self_reports (region, id)")
    op.execute("CREATE INDEX self_reports_opened ON self_reports (region, opened_at)")
    op.execute("CREATE INDEX self_reports_waiting ON self_reports (region, id) WHERE state = 'waiting'")


def downgrade() -> None:
    op.execute("DROP TABLE self_reports")
    op.execute("DELETE FROM code_requests WHERE purpose = 'self_report'")
    op.execute("ALTER TABLE code_requests DROP CONSTRAINT code_requests_purpose_check")
    op.execute(f"ALTER TABLE code_requests ADD CONSTRAINT code_requests_purpose_check CHECK (purpose IN ({PURPOSES}))")
