"""Public figures read index ranges alone: what is most wanting, by county, city, province and category, and typical days of groups.

A trigger adds the days of an item to the groups around it, so that processes of the release before add them too.
"""

from alembic import op

revision = "matching_0022"
down_revision = "matching_0021"

IN_COUNTY = "length(region) = 6 AND wanting > 0"
WANTING = {
    "balance_wanting_all": "",
    "balance_wanting_category": "category, ",
    "balance_wanting_province": "left(region, 2), ",
    "balance_wanting_province_category": "left(region, 2), category, ",
    "balance_wanting_city": "left(region, 4), ",
    "balance_wanting_city_category": "left(region, 4), category, ",
}
GROUPED = """
    INSERT INTO group_days AS known (region, category, month, days, needs)
    SELECT region, array_to_string(path[1\\:depth], '.'), month, days, sum(needs)
    FROM ({rows}) AS change, string_to_array(category, '.') AS path, generate_series(0, cardinality(path) - 1) AS depth
    GROUP BY 1, 2, 3, 4 HAVING sum(needs) <> 0 ORDER BY 1, 2, 3, 4
    ON CONFLICT (region, category, month, days) DO UPDATE SET needs = known.needs + excluded.needs
"""
ACTS = {
    "INSERT": ("NEW TABLE AS fresh", "SELECT * FROM fresh"),
    "UPDATE": (
        "NEW TABLE AS fresh OLD TABLE AS former",
        "SELECT * FROM fresh UNION ALL SELECT region, category, month, days, -needs FROM former",
    ),
    "DELETE": ("OLD TABLE AS former", "SELECT region, category, month, days, -needs AS needs FROM former"),
}


def upgrade() -> None:
    op.execute(
        'CREATE TABLE group_days (region varchar(12) COLLATE "C", category varchar(100) COLLATE "C", month date, days integer,'
        " needs bigint NOT NULL, CONSTRAINT group_days_pk PRIMARY KEY (region, category, month, days))"
    )
    for act, (declared, rows) in ACTS.items():
        name = f"group_days_{act.lower()}"
        op.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {GROUPED.format(rows=rows)}; RETURN NULL; END $$"
        )
        op.execute(
            f"CREATE TRIGGER {name} AFTER {act} ON balance_days REFERENCING {declared} FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
        )
    op.execute(GROUPED.format(rows="SELECT * FROM balance_days"))
    # Without statistics the planner takes the counties for a two-hundredth of all rows, and sorts them instead of walking an index.
    op.execute("CREATE STATISTICS balance_levels ON length(region) FROM balance")
    with op.get_context().autocommit_block():
        for name, before in WANTING.items():
            op.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON balance ({before}wanting DESC, id DESC) WHERE {IN_COUNTY}")
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS balance_wanting")
        op.execute("ANALYZE balance, group_days")


def downgrade() -> None:
    op.execute("CREATE INDEX balance_wanting ON balance (wanting DESC, id) WHERE length(region) = 6 AND wanting > 0")
    op.execute(f"DROP INDEX {', '.join(WANTING)}")
    op.execute("DROP STATISTICS balance_levels")
    for act in ACTS:
        op.execute(f"DROP FUNCTION group_days_{act.lower()} CASCADE")
    op.execute("DROP TABLE group_days")
