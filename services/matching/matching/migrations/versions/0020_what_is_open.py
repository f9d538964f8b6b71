"""Who looks for something open walks nothing else: pledges that are used up or over, and needs that are met, leave the indexes.

Both tables are written anew under lock, and processes of the release before find no index for what they ask: stop matching first (docs/operating.md).
"""

from alembic import op

revision = "matching_0020"
down_revision = "matching_0019"

# The indexes name this column instead of `rest`: as long as it stays true, a row of which something is taken stays where it is in all.
OPEN = {"pledges": "NOT ended AND NOT expired AND rest > 0", "needs": "NOT ended AND rest > 0"}
ORDERS = {
    "pledges_fitting": "pledges (category, unit, scope, reliability DESC, offered_at) WHERE {open}",
    "needs_fitting": "needs (category, unit, urgency DESC, posted_at, region) WHERE {open} AND NOT declined",
    "needs_declined": "needs (category, unit, region) WHERE {open} AND declined",
    "needs_area": "needs (category, unit, region) WHERE {open}",
    "needs_critical": "needs (posted_at) WHERE urgency = 4 AND {open}",
}


def upgrade() -> None:
    for table, open_ in OPEN.items():
        op.execute(f"ALTER TABLE {table} ADD open boolean NOT NULL GENERATED ALWAYS AS ({open_}) STORED")
    op.execute(f"DROP INDEX {', '.join(ORDERS)}")
    for name, order in ORDERS.items():
        op.execute(f"CREATE INDEX {name} ON {order.format(open='open')}")
    # What is proposed to these may go to somebody whose need is critical.
    op.execute("CREATE INDEX needs_met ON needs (category, unit, posted_at) WHERE urgency = 1 AND NOT ended AND NOT open")


def downgrade() -> None:
    op.execute(f"DROP INDEX needs_met, {', '.join(ORDERS)}")
    for table in OPEN:
        op.execute(f"ALTER TABLE {table} DROP open")
    for name, order in ORDERS.items():
        op.execute(f"CREATE INDEX {name} ON {order.format(open='NOT ended')}")
