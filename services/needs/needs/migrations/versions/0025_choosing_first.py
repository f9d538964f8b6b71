"""Pledges that their givers direct, what came back of them, and reports of needs."""

from alembic import op

revision = "needs_0025"
down_revision = "needs_0019"


def upgrade() -> None:
    op.execute(
        "ALTER TABLE pledges ADD pledger_kind varchar(20), ADD choose_until timestamptz, ADD best_before timestamptz,"
        " ADD limit_per_household bigint CHECK (limit_per_household > 0), ADD claims uuid, ADD claimed bigint CHECK (claimed > 0),"
        " ADD claim_state varchar(10), ADD claim_problem varchar(20), ADD again_of uuid"
    )
    op.execute("CREATE INDEX pledges_again_of ON pledges (again_of) WHERE again_of IS NOT NULL")
    op.execute(
        "CREATE TABLE need_reports (need_id uuid REFERENCES needs (id), account_id uuid, reason varchar(20) NOT NULL,"
        " reported_at timestamptz NOT NULL, cleared_at timestamptz, cleared_by uuid,"
        " CONSTRAINT need_reports_pk PRIMARY KEY (need_id, account_id))"
    )
    op.execute("CREATE INDEX need_reports_account_id ON need_reports (account_id, reported_at)")


def downgrade() -> None:
    op.execute("DROP TABLE need_reports")
    op.execute(
        "ALTER TABLE pledges DROP pledger_kind, DROP choose_until, DROP best_before, DROP limit_per_household, DROP claims, DROP claimed,"
        " DROP claim_state, DROP claim_problem, DROP again_of"
    )
