"""The key of each person, wrapped; without it once the person was erased."""

from alembic import op

revision = "keys_0001"
down_revision = None


def upgrade() -> None:
    op.execute(
        "CREATE TABLE person_keys (person_id uuid CONSTRAINT person_keys_pk PRIMARY KEY, wrapped bytea, kek_id bytea,"
        " created_at timestamptz NOT NULL DEFAULT now(), erased_at timestamptz,"
        " CONSTRAINT person_keys_erased CHECK ((wrapped IS NULL) = (erased_at IS NOT NULL) AND (kek_id IS NULL) = (wrapped IS NULL)))"
    )
    # An erased key stays in its file until a vacuum; the next one comes within a minute.
    op.execute("ALTER TABLE person_keys SET (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0)")
    op.execute("CREATE INDEX person_keys_kek ON person_keys (kek_id)")
    op.execute("CREATE INDEX person_keys_erased_people ON person_keys (person_id) WHERE erased_at IS NOT NULL")


def downgrade() -> None:
    op.execute("DROP TABLE person_keys")
