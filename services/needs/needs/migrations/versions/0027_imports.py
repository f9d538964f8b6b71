"""Lists of pledges, imports of large tables of needs, and indexes by which many needs that are posted at once find those that look like them."""

from alembic import op

revision = "needs_0027"
down_revision = "needs_0026"

INDEXES = {
    "needs_household_item": "needs (household_id, category, id)",
    "needs_poster_line": "needs (poster_id, category, quantity, id) WHERE of_institution",
}


def upgrade() -> None:
    op.execute(
        'CREATE TABLE giver_item_names (giver_id uuid, written varchar(60), category varchar(100) COLLATE "C" NOT NULL,'
        " uses bigint NOT NULL, settled_at timestamptz NOT NULL, CONSTRAINT giver_item_names_pk PRIMARY KEY (giver_id, written))"
    )
    op.execute(
        "CREATE TABLE pledge_lists (id uuid CONSTRAINT pledge_lists_pk PRIMARY KEY, giver_id uuid NOT NULL, offered_at timestamptz NOT NULL)"
    )
    op.execute("CREATE INDEX pledge_lists_giver_id ON pledge_lists (giver_id, id DESC)")
    op.execute(
        "CREATE TABLE pledge_list_lines (list_id uuid REFERENCES pledge_lists (id), pledge_id uuid, row bigint, digest bytea NOT NULL,"
        " CONSTRAINT pledge_list_lines_pk PRIMARY KEY (list_id, pledge_id))"
    )
    op.execute("CREATE INDEX pledge_list_lines_digest ON pledge_list_lines (digest)")
    op.execute(
        """
        CREATE TABLE imports (
            id uuid CONSTRAINT imports_pk PRIMARY KEY,
            version bigint NOT NULL,
            kind varchar(20) NOT NULL,
            region varchar(12) COLLATE "C" NOT NULL,
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
            tries bigint NOT NULL DEFAULT 0,
            created_by uuid NOT NULL,
            created_at timestamptz NOT NULL,
            confirmed_by uuid,
            confirmed_at timestamptz,
            ended_at timestamptz,
            keep_until timestamptz NOT NULL,
            deleted_at timestamptz,
            unknown_names jsonb NOT NULL
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
        "CREATE TABLE imported_lines (digest bytea CONSTRAINT imported_lines_pk PRIMARY KEY, need_id uuid NOT NULL,"
        " import_id uuid NOT NULL REFERENCES imports, row bigint NOT NULL)"
    )
    with op.get_context().autocommit_block():
        for name, index in INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {index}")


def downgrade() -> None:
    op.execute(f"DROP INDEX {', '.join(INDEXES)}")
    op.execute("DROP TABLE imported_lines, import_rows, import_parts, imports, pledge_list_lines, pledge_lists, giver_item_names")
