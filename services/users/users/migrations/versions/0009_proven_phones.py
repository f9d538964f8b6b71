"""Accounts that proved their phone, and contacts of households. Accounts of before are unproven until their next sign-in."""

from alembic import op

revision = "users_0009"
down_revision = "users_0008"


def upgrade() -> None:
    op.execute("ALTER TABLE accounts ADD COLUMN IF NOT EXISTS proven_at timestamptz, ADD COLUMN IF NOT EXISTS phone_set_by uuid")
    op.execute("ALTER TABLE households ADD COLUMN IF NOT EXISTS contact_phone bytea, ADD COLUMN IF NOT EXISTS contact_phone_fingerprint bytea")
    with op.get_context().autocommit_block():
        for index in ("accounts_proven_phone_key", "accounts_phone_fingerprint", "households_contact_phone"):
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {index}")
        op.execute(
            "CREATE UNIQUE INDEX CONCURRENTLY accounts_proven_phone_key ON accounts (phone_fingerprint)"
            " WHERE proven_at IS NOT NULL AND state = 'active'"
        )
        op.execute("CREATE INDEX CONCURRENTLY accounts_phone_fingerprint ON accounts (phone_fingerprint)")
        op.execute(
            "CREATE INDEX CONCURRENTLY households_contact_phone ON households (contact_phone_fingerprint)"
            " WHERE contact_phone_fingerprint IS NOT NULL"
        )
    op.execute("ALTER TABLE accounts DROP CONSTRAINT accounts_phone_fingerprint_key")


def downgrade() -> None:
    op.execute("ALTER TABLE accounts ADD CONSTRAINT accounts_phone_fingerprint_key UNIQUE (phone_fingerprint)")
    op.execute("DROP INDEX accounts_proven_phone_key, accounts_phone_fingerprint, households_contact_phone")
    op.execute("ALTER TABLE accounts DROP COLUMN proven_at, DROP COLUMN phone_set_by")
    op.execute("ALTER TABLE households DROP COLUMN contact_phone, DROP COLUMN contact_phone_fingerprint")
