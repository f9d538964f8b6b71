"""Sessions have an id to show, an end, a client, and a chain of refresh tokens."""

from alembic import op

revision = "users_0005"
down_revision = "users_0004"


def upgrade() -> None:
    # Processes of the release before still insert rows without these columns, so each has a default.
    op.execute(
        """
        ALTER TABLE sign_ins
            ADD session_id uuid NOT NULL DEFAULT gen_random_uuid() CONSTRAINT sign_ins_session_id_key UNIQUE,
            ADD renewals integer NOT NULL DEFAULT 0,
            ADD repeated_renewal integer,
            ADD client_key_hash bytea,
            ADD device varchar(20) NOT NULL DEFAULT 'other',
            ADD label bytea,
            ADD ends_at timestamptz NOT NULL DEFAULT now() + interval '90 days'
        """
    )
    # Sessions of before go on for 30 days at least, however old they are.
    op.execute("UPDATE sign_ins SET ends_at = greatest(started_at + interval '90 days', now() + interval '30 days')")


def downgrade() -> None:
    op.execute(
        "ALTER TABLE sign_ins DROP session_id, DROP renewals, DROP repeated_renewal, DROP client_key_hash, DROP device, DROP label, DROP ends_at"
    )
