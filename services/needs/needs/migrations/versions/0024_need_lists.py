"""Lists of needs that were posted as a whole, and the names under which counties ask for items."""

from alembic import op

revision = "needs_0024"
down_revision = "needs_0016"


def upgrade() -> None:
    op.execute(
        'CREATE TABLE item_names (region varchar(12) COLLATE "C", written varchar(60), category varchar(100) COLLATE "C" NOT NULL,'
        " uses bigint NOT NULL, settled_by uuid NOT NULL, settled_at timestamptz NOT NULL, CONSTRAINT item_names_pk PRIMARY KEY (region, written))"
    )
    op.execute(
        "CREATE TABLE need_lists (id uuid CONSTRAINT need_lists_pk PRIMARY KEY, household_id uuid NOT NULL,"
        ' region varchar(12) COLLATE "C" NOT NULL, posted_by uuid NOT NULL, posted_at timestamptz NOT NULL)'
    )
    op.execute("CREATE INDEX need_lists_region_id ON need_lists (region, id DESC)")
    op.execute(
        "CREATE TABLE need_list_lines (list_id uuid REFERENCES need_lists (id), need_id uuid, row bigint,"
        " CONSTRAINT need_list_lines_pk PRIMARY KEY (list_id, need_id))"
    )


def downgrade() -> None:
    op.execute("DROP TABLE need_list_lines, need_lists, item_names")
