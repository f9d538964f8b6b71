"""Disputes and appeals, and the counts of open ones."""

from alembic import op

revision = "insight_0004"
down_revision = "insight_0003"

OBJECTIONS = ("disputes", "disputes_open", "appeals", "appeals_open")


def upgrade() -> None:
    op.execute(
        'CREATE TABLE objections (id uuid CONSTRAINT objections_pk PRIMARY KEY, kind varchar(20) NOT NULL, region varchar(12) COLLATE "C" NOT NULL,'
        " day date, is_over boolean NOT NULL)"
    )
    op.execute("CREATE INDEX objections_region_day ON objections (region, day)")
    for table in ("own", "totals"):
        op.execute(f"ALTER TABLE {table} " + ", ".join(f"ADD {name} numeric NOT NULL DEFAULT 0" for name in OBJECTIONS))


def downgrade() -> None:
    for table in ("own", "totals"):
        op.execute(f"ALTER TABLE {table} " + ", ".join(f"DROP {name}" for name in OBJECTIONS))
    op.execute("DROP TABLE objections")
