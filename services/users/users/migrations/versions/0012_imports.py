"""Imports of tables: their progress, their sealed files, the rows to look at, saved mappings of headings."""

from alembic import op

revision = "users_0012"
down_revision = "users_0011"

REGION = 'varchar(12) COLLATE "C"'


def upgrade() -> None:
    op.execute(
        f"""
        CREATE TABLE imports (
            id uuid CONSTRAINT imports_pk PRIMARY KEY,
            version bigint NOT NULL,
            kind varchar(20) NOT NULL,
            region {REGION} NOT NULL,
            state varchar(20) NOT NULL,
            sheet bytea,
            mapping jsonb NOT NULL,
            size bigint NOT NULL,
            rows bigint,
            cursor bigint NOT NULL,
            found jsonb NOT NULL,
            written jsonb NOT NULL,
            table_read bytea,
            problem bytea,
            takes_doubtful boolean NOT NULL,
            created_by uuid NOT NULL,
            created_at timestamptz NOT NULL,
            confirmed_by uuid,
            confirmed_at timestamptz,
            ended_at timestamptz,
            keep_until timestamptz NOT NULL,
            deleted_at timestamptz
        )
        """
    )
    op.execute("CREATE INDEX imports_region ON imports (region, id)")
    op.execute("CREATE INDEX imports_due ON imports (id) WHERE state IN ('checking', 'importing')")
    op.execute("CREATE INDEX imports_keep_until ON imports (keep_until) WHERE deleted_at IS NULL")
    op.execute(
        "CREATE TABLE import_parts (import_id uuid NOT NULL REFERENCES imports, number bigint NOT NULL, content bytea NOT NULL,"
        " CONSTRAINT import_parts_pk PRIMARY KEY (import_id, number))"
    )
    op.execute(
        "CREATE TABLE import_rows (import_id uuid NOT NULL REFERENCES imports, is_check boolean NOT NULL, last_row bigint NOT NULL,"
        " content bytea NOT NULL, CONSTRAINT import_rows_pk PRIMARY KEY (import_id, is_check, last_row))"
    )
    op.execute(
        f"""
        CREATE TABLE import_mappings (
            id uuid CONSTRAINT import_mappings_pk PRIMARY KEY,
            version bigint NOT NULL,
            kind varchar(20) NOT NULL,
            region {REGION} NOT NULL,
            name varchar(60) NOT NULL,
            columns jsonb NOT NULL,
            saved_by uuid NOT NULL,
            saved_at timestamptz NOT NULL,
            removed_at timestamptz
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX import_mappings_key ON import_mappings (region, kind, name) WHERE removed_at IS NULL")


def downgrade() -> None:
    op.execute("DROP TABLE import_mappings, import_rows, import_parts, imports")
