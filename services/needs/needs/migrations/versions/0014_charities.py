"""Charities that counties name, and the charity of a need for money."""

from alembic import op

revision = "needs_0014"
down_revision = "needs_0013"


def upgrade() -> None:
    op.execute(
        "CREATE TABLE charities (id uuid CONSTRAINT charities_pk PRIMARY KEY, version bigint NOT NULL,"
        ' region varchar(12) COLLATE "C" NOT NULL,'
        " name varchar(200) NOT NULL, registration_number varchar(18) NOT NULL, last_day date NOT NULL, named_by uuid NOT NULL,"
        " named_at timestamptz NOT NULL, ended_at timestamptz)"
    )
    op.execute("CREATE UNIQUE INDEX charities_in_force ON charities (region, registration_number) WHERE ended_at IS NULL")
    op.execute("CREATE INDEX charities_region ON charities (region)")
    op.execute("ALTER TABLE needs ADD charity_id uuid, ADD charity varchar(200)")


def downgrade() -> None:
    op.execute("ALTER TABLE needs DROP charity_id, DROP charity")
    op.execute("DROP TABLE charities")
