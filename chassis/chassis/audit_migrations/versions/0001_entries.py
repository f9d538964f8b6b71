"""Entries of the audit log, which the service may add and read."""

from alembic import context, op

revision = "audit_0001"
down_revision = None


def upgrade() -> None:
    service = context.config.attributes["service_role"]
    op.execute(
        "CREATE TABLE audit.entries (id uuid CONSTRAINT entries_pk PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(),"
        " act varchar(100) NOT NULL, outcome varchar(100) NOT NULL, actor_id uuid, actor_kind varchar(20) NOT NULL,"
        ' subject_kind varchar(50) NOT NULL, subject_id uuid, person_id uuid, region varchar(12) COLLATE "C" NOT NULL,'
        " details jsonb NOT NULL CONSTRAINT entries_details CHECK (jsonb_typeof(details) = 'object'),"
        # A list by time reads a range of ids, which begin with their time in milliseconds.
        " CONSTRAINT entries_id_at CHECK (abs((('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint)"
        " - extract(epoch FROM at) * 1000) <= 600000))"
    )
    for length in (2, 4, 6, 9):
        op.execute(f"CREATE INDEX entries_region_{length} ON audit.entries (left(region, {length}), id)")
    op.execute("CREATE INDEX entries_region ON audit.entries (region, id)")
    op.execute("CREATE INDEX entries_person ON audit.entries (person_id, id) WHERE person_id IS NOT NULL")
    op.execute("CREATE INDEX entries_actor ON audit.entries (actor_id, id) WHERE actor_id IS NOT NULL")
    op.execute("CREATE INDEX entries_act ON audit.entries (act, id)")
    op.execute(f"GRANT USAGE ON SCHEMA audit TO {service}")
    # `at` is always the database's own time.
    columns = "id, act, outcome, actor_id, actor_kind, subject_kind, subject_id, person_id, region, details"
    op.execute(f"GRANT SELECT, INSERT ({columns}) ON audit.entries TO {service}")


def downgrade() -> None:
    op.execute("DROP TABLE audit.entries")
