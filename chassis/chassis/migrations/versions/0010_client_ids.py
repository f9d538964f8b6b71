"""Ids that clients made, each with the fingerprint of what was sent under it."""

from alembic import op

revision = "chassis_0010"
down_revision = "chassis_0009"


def upgrade() -> None:
    op.execute(
        "CREATE TABLE client_ids (entity varchar(50), id uuid, caller_id uuid NOT NULL, content_hash bytea NOT NULL,"
        " sent_at timestamptz NOT NULL DEFAULT now(), CONSTRAINT client_ids_pk PRIMARY KEY (entity, id))"
    )
    op.execute("CREATE INDEX client_ids_sent_at ON client_ids (sent_at)")


def downgrade() -> None:
    op.execute("DROP TABLE client_ids")
