"""The totals of months, for questions about whole months: a row for a region and month instead of thirty.

Triggers on the totals of days keep them, so processes of the release before keep them too. Townships and villages, which only their
administrators ask about, are added up from days.
"""

from alembic import op

revision = "insight_0005"
down_revision = "insight_0004"

LEVEL = 6
MEASURES = (
    "registered active_day active_week active_month households rejected needs withdrawn closed helped met_elsewhere matches refused lapsed"
    " delivered weight weight_met weight_delivered disputes disputes_open appeals appeals_open value_government value_donor"
    " value_organisation value_merchant value_volunteer helped_government helped_donor helped_organisation helped_merchant"
    " helped_volunteer within_0 within_1 within_2 within_3 within_5 within_7 within_10 within_14 within_21 within_30 within_45 within_60"
    " within_90"
).split()
NAMES = ", ".join(MEASURES)
ADDED = ", ".join(f"{name} = known.{name} + excluded.{name}" for name in MEASURES)
ROWS = f"SELECT level, region, day, {NAMES} FROM {{source}} WHERE level <= {LEVEL}"
FORMER = f"SELECT level, region, day, {', '.join(f'-{name} AS {name}' for name in MEASURES)} FROM former WHERE level <= {LEVEL}"
ACTS = {
    "INSERT": ("NEW TABLE AS fresh", ROWS.format(source="fresh")),
    "UPDATE": ("NEW TABLE AS fresh OLD TABLE AS former", f"{ROWS.format(source='fresh')} UNION ALL {FORMER}"),
    "DELETE": ("OLD TABLE AS former", FORMER),
}


def upgrade() -> None:
    op.execute(
        'CREATE TABLE month_totals (level smallint, region varchar(12) COLLATE "C", day date,'
        f" {', '.join(f'{name} numeric NOT NULL' for name in MEASURES)},"
        " CONSTRAINT month_totals_pk PRIMARY KEY (level, region, day)) WITH (fillfactor = 70)"
    )
    for act, (declared, rows) in ACTS.items():
        name = f"month_totals_{act.lower()}"
        op.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {_add(rows)}; RETURN NULL; END $$"
        )
        op.execute(f"CREATE TRIGGER {name} AFTER {act} ON totals REFERENCING {declared} FOR EACH STATEMENT EXECUTE FUNCTION {name}()")
    # Only the timer that counts waits for the lock of the triggers' creation.
    op.execute(_add(ROWS.format(source="totals")))


def _add(rows: str) -> str:
    sums = ", ".join(f"sum({name})" for name in MEASURES)
    return (
        f"INSERT INTO month_totals AS known (level, region, day, {NAMES})"
        f" SELECT level, region, CAST(date_trunc('month', day) AS date), {sums} FROM ({rows}) AS change"
        f" GROUP BY 1, 2, 3 ON CONFLICT (level, region, day) DO UPDATE SET {ADDED}"
    )


def downgrade() -> None:
    for act in ACTS:
        op.execute(f"DROP FUNCTION month_totals_{act.lower()} CASCADE")
    op.execute("DROP TABLE month_totals")
