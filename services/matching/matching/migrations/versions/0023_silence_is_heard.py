"""The report of the last audit, which any process can show; and since when an entry of the clearing queue waits."""

from alembic import op

revision = "matching_0023"
down_revision = "matching_0022"


def upgrade() -> None:
    # `due_at` moves whenever a clearing puts an entry off; `queued_at` stays.
    op.execute("ALTER TABLE to_clear ADD queued_at timestamptz NOT NULL DEFAULT now()")
    op.execute(
        "CREATE TABLE audit_report (single boolean CONSTRAINT audit_report_pk PRIMARY KEY DEFAULT true CHECK (single),"
        " completed_at timestamptz NOT NULL DEFAULT now(), offended text[] NOT NULL DEFAULT '{}')"
    )
    op.execute("INSERT INTO audit_report DEFAULT VALUES")


def downgrade() -> None:
    op.execute("DROP TABLE audit_report")
    op.execute("ALTER TABLE to_clear DROP queued_at")
