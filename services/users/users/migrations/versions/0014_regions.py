"""Spellings by which regions are found, and imports of other editions.

Former codes stand in the shipped data and in `region_changes`. The release before still reads `region_aliases`, so the table stays.
"""

from alembic import op

from users.regions.shipped import load_spellings

revision = "users_0014"
down_revision = "users_0016"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("CREATE INDEX CONCURRENTLY IF NOT EXISTS accounts_region ON accounts (region)")
    op.execute('CREATE TABLE region_spellings (key varchar(200) COLLATE "C" NOT NULL, code varchar(12) COLLATE "C" NOT NULL)')
    load_spellings(op.get_bind())
    op.execute("ALTER TABLE region_spellings ADD CONSTRAINT region_spellings_pk PRIMARY KEY (key, code)")
    op.execute("CREATE INDEX region_spellings_code ON region_spellings (code)")
    op.execute("ANALYZE region_spellings")
    op.execute(
        "CREATE TABLE region_imports (id uuid CONSTRAINT region_imports_pk PRIMARY KEY, imported_by uuid, imported_at timestamptz NOT NULL,"
        " counts jsonb NOT NULL)"
    )


def downgrade() -> None:
    op.execute("DROP INDEX accounts_region")
    op.execute("DROP TABLE region_imports, region_spellings")
