"""E-mail addresses of accounts, each proven by a code that was mailed there."""

from alembic import op

revision = "users_0026"
down_revision = "users_0025"

PURPOSES = "'registration', 'sign_in', 'password_reset', 'phone_change', 'self_report'"


def upgrade() -> None:
    op.execute("ALTER TABLE accounts ADD COLUMN email bytea")
    op.execute("ALTER TABLE code_requests DROP CONSTRAINT code_requests_purpose_check")
    op.execute(f"ALTER TABLE code_requests ADD CONSTRAINT code_requests_purpose_check CHECK (purpose IN ({PURPOSES}, 'email_change'))")


def downgrade() -> None:
    op.execute("DELETE FROM code_requests WHERE purpose = 'email_change'")
    op.execute("ALTER TABLE code_requests DROP CONSTRAINT code_requests_purpose_check")
    op.execute(f"ALTER TABLE code_requests ADD CONSTRAINT code_requests_purpose_check CHECK (purpose IN ({PURPOSES}))")
    op.execute("ALTER TABLE accounts DROP COLUMN email")
