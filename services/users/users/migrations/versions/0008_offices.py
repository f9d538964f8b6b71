"""Appointments are offered, confirmed, valid for a time, and of administrators or auditors. Those of before count as confirmed.

A process of the release before goes on appointing: the defaults make its appointments count at once, as they did.
"""

from alembic import op

revision = "users_0008"
down_revision = "users_0007"


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE appointment_records
            ADD role varchar(20) NOT NULL DEFAULT 'administrator',
            ADD answerable_to uuid,
            ADD valid_from date,
            ADD valid_until date,
            ADD confirmed_at timestamptz DEFAULT now(),
            ADD began_at timestamptz DEFAULT now(),
            ADD published_version bigint DEFAULT 1,
            ADD reason varchar(20)
        """
    )
    op.execute("UPDATE appointment_records SET answerable_to = appointed_by, confirmed_at = appointed_at, began_at = appointed_at")
    op.execute("DROP INDEX appointment_records_standing_key")
    op.execute(
        "CREATE UNIQUE INDEX appointment_records_standing_key ON appointment_records (account_id, region, role) WHERE dismissed_at IS NULL"
    )
    op.execute("CREATE INDEX appointment_records_answerable_to ON appointment_records (answerable_to) WHERE dismissed_at IS NULL")
    op.execute("CREATE INDEX appointment_records_to_begin ON appointment_records (valid_from) WHERE dismissed_at IS NULL AND began_at IS NULL")
    op.execute("CREATE INDEX appointment_records_to_end ON appointment_records (valid_until) WHERE dismissed_at IS NULL")
    op.execute(
        "CREATE INDEX appointment_records_unanswered ON appointment_records (appointed_at) WHERE dismissed_at IS NULL AND confirmed_at IS NULL"
    )
    op.execute("CREATE INDEX appointment_records_abused ON appointment_records (dismissed_at) WHERE reason = 'abuse'")


def downgrade() -> None:
    op.execute("DELETE FROM appointment_records WHERE began_at IS NULL OR role = 'auditor'")
    op.execute("DROP INDEX appointment_records_standing_key")
    op.execute(
        "ALTER TABLE appointment_records DROP role, DROP answerable_to, DROP valid_from, DROP valid_until, DROP confirmed_at, DROP began_at,"
        " DROP published_version, DROP reason"
    )
    op.execute(
        "CREATE UNIQUE INDEX appointment_records_standing_key ON appointment_records (account_id, region) WHERE dismissed_at IS NULL"
    )
