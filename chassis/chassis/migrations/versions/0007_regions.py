"""Division codes that changed after the shipped edition."""

from alembic import op

revision = "chassis_0007"
down_revision = "chassis_0006"


def upgrade() -> None:
    op.execute(
        'CREATE TABLE region_changes (code varchar(12) COLLATE "C" CONSTRAINT region_changes_pk PRIMARY KEY, id uuid NOT NULL,'
        " version bigint NOT NULL, name varchar(100) NOT NULL, valid_from date, valid_until date,"
        """ successors varchar(12)[] COLLATE "C" NOT NULL DEFAULT '{}', recorded_at timestamptz NOT NULL DEFAULT now(),"""
        " due_at timestamptz)"
    )
    op.execute("CREATE UNIQUE INDEX region_changes_id ON region_changes (id)")
    op.execute("CREATE INDEX region_changes_due_at ON region_changes (due_at) WHERE due_at IS NOT NULL")
    op.execute("CREATE INDEX region_changes_successors ON region_changes USING gin (successors) WITH (fastupdate = off)")
    op.execute("CREATE INDEX region_changes_successor ON region_changes ((successors[1])) WHERE cardinality(successors) = 1")


def downgrade() -> None:
    op.execute("DROP TABLE region_changes")
