"""Lists of pledges, and indexes by which many needs that are posted at once find those that look like them."""

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
    with op.get_context().autocommit_block():
        for name, index in INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {index}")


def downgrade() -> None:
    op.execute(f"DROP INDEX {', '.join(INDEXES)}")
    op.execute("DROP TABLE pledge_list_lines, pledge_lists, giver_item_names")
