"""Weights that regions set, by whose a match was proposed, and which pairs are worth too little today."""

from alembic import op

revision = "matching_0009"
down_revision = "matching_0008"

REGION = 'varchar(12) COLLATE "C"'


def upgrade() -> None:
    op.execute(
        f"CREATE TABLE weights (region {REGION}, version integer, weights jsonb NOT NULL, set_by uuid NOT NULL,"
        " set_at timestamptz NOT NULL, valid_from timestamptz NOT NULL CHECK (valid_from >= set_at),"
        " CONSTRAINT weights_pk PRIMARY KEY (region, version))"
    )
    op.execute(f"ALTER TABLE matches ADD weights_region {REGION}")
    op.execute(
        f'CREATE TABLE too_low (need_id uuid, category varchar(100) COLLATE "C", scope {REGION}, until timestamptz NOT NULL,'
        " CONSTRAINT too_low_pk PRIMARY KEY (need_id, category, scope))"
    )
    op.execute("CREATE INDEX too_low_until ON too_low (until)")


def downgrade() -> None:
    op.execute("DROP TABLE weights, too_low")
    op.execute("ALTER TABLE matches DROP weights_region")
