"""The balance is kept for categories as they are stated; what stands for a group is added up when it is asked for."""

from alembic import op

revision = "matching_0008"
down_revision = "matching_0007"

GROUPED = ("group_pledges", "wide_group_pledges")
NOTED = "region, category, unit, needs, need_units, wanting, pledges, pledge_units"


def upgrade() -> None:
    op.execute("TRUNCATE balance, balance_changes, balance_days, balance_told")
    op.execute("ALTER TABLE balance " + ", ".join(f"DROP {name}, DROP {name}_units" for name in GROUPED))
    op.execute("ALTER TABLE balance SET (fillfactor = 70)")
    _note_the_book()
    _count_days("unnest(ARRAY[category]) AS stated")


def downgrade() -> None:
    op.execute("TRUNCATE balance, balance_changes, balance_days, balance_told")
    op.execute("ALTER TABLE balance " + ", ".join(f"ADD {name} numeric NOT NULL, ADD {name}_units numeric NOT NULL" for name in GROUPED))
    op.execute("ALTER TABLE balance RESET (fillfactor)")
    _note_the_book()
    _count_days(
        "string_to_array(category, '.') AS path CROSS JOIN LATERAL (SELECT array_to_string(path[1\\:depth], '.') AS stated"
        " FROM generate_series(0, cardinality(path)) AS depth) AS step"
    )


def _note_the_book() -> None:
    op.execute(
        f"INSERT INTO balance_changes ({NOTED}) SELECT left(region, 9), category, unit, count(*), sum(rest), sum(urgency), 0, 0 FROM needs"
        " WHERE NOT ended AND rest > 0 GROUP BY 1, 2, 3"
    )
    op.execute(
        f"INSERT INTO balance_changes ({NOTED}) SELECT scope, category, unit, 0, 0, 0, count(*), sum(rest) FROM pledges"
        " WHERE NOT ended AND NOT expired AND rest > 0 GROUP BY 1, 2, 3"
    )


def _count_days(steps: str) -> None:
    op.execute(
        "INSERT INTO balance_days (region, category, month, days, needs)"
        " SELECT left(region, length), stated, month, days, count(*) FROM first_matches"
        f" CROSS JOIN unnest(ARRAY[0, 2, 4, 6, 9]) AS length CROSS JOIN LATERAL {steps}"
        " WHERE length <= length(region) GROUP BY 1, 2, 3, 4"
    )
