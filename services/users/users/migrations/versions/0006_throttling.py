"""Wrong passwords count for a phone, an address, and both together; delays grow."""

from alembic import op

revision = "users_0006"
down_revision = "users_0005"


def upgrade() -> None:
    # Processes of the release before go on counting by phone alone, so the new columns have defaults.
    op.execute("ALTER TABLE wrong_passwords ADD last_at timestamptz NOT NULL DEFAULT now(), ADD known_until timestamptz")
    op.execute("CREATE INDEX wrong_passwords_last_at ON wrong_passwords (last_at)")


def downgrade() -> None:
    op.execute("ALTER TABLE wrong_passwords DROP last_at, DROP known_until")
