"""Second factors with their recovery codes, and when one was given in a sign-in."""

from alembic import op

revision = "users_0007"
down_revision = "users_0006"


def upgrade() -> None:
    op.execute("ALTER TABLE sign_ins ADD second_factor_at timestamptz")
    op.execute(
        """
        CREATE TABLE second_factors (
            account_id uuid CONSTRAINT second_factors_pk PRIMARY KEY REFERENCES accounts,
            secret bytea,
            offered_secret bytea,
            confirmed_at timestamptz,
            last_step bigint,
            wrong_codes bigint NOT NULL,
            wrong_at timestamptz
        )
        """
    )
    op.execute(
        """
        CREATE TABLE recovery_codes (
            id uuid CONSTRAINT recovery_codes_pk PRIMARY KEY,
            account_id uuid NOT NULL REFERENCES accounts,
            code_fingerprint bytea NOT NULL,
            used_at timestamptz
        )
        """
    )
    op.execute("CREATE INDEX recovery_codes_account_id ON recovery_codes (account_id)")


def downgrade() -> None:
    op.execute("DROP TABLE recovery_codes, second_factors")
    op.execute("ALTER TABLE sign_ins DROP second_factor_at")
