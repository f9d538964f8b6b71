"""Listings are always read in their order, whatever their region and category.

The planner would read and sort a whole range where it expects few rows. With two values at most by its statistics, it takes every range
for a large one, for which its index in order is the cheapest.
"""

from alembic import op

revision = "needs_0029"
down_revision = "needs_0028"

LISTINGS = ("need_listings", "pledge_listings")
COLUMNS = ("region", "category")


def upgrade() -> None:
    for table in LISTINGS:
        for column in COLUMNS:
            op.execute(f"ALTER TABLE {table} ALTER {column} SET STATISTICS 1, ALTER {column} SET (n_distinct = 2)")
        op.execute(f"ANALYZE {table}")


def downgrade() -> None:
    for table in LISTINGS:
        for column in COLUMNS:
            op.execute(f"ALTER TABLE {table} ALTER {column} SET STATISTICS DEFAULT, ALTER {column} RESET (n_distinct)")
        op.execute(f"ANALYZE {table}")
