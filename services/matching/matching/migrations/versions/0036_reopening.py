"""Needs that open again, and receipts that a dispute corrected; the counts of help follow both."""

from alembic import op

revision = "matching_0036"
down_revision = "matching_0035"

NOTE = "INSERT INTO help_changes (need_id)"
TRIGGERS = {
    "help_corrected": (
        "AFTER INSERT ON movements FOR EACH ROW WHEN (NEW.kind = 'corrected')",
        f"{NOTE} SELECT need_id FROM matches WHERE id = NEW.match_id",
    ),
    "help_reopened": ("AFTER UPDATE OF urgency ON needs FOR EACH ROW WHEN (OLD.urgency <> NEW.urgency)", f"{NOTE} VALUES (NEW.id)"),
}
CHECKS = {
    "movements_kind_check": "kind IN ('promised', 'sent', 'received', 'returned'{more})",
    "movements_check": "quantity > 0 OR kind IN ('received'{more}) AND quantity = 0",
}


def _check(more: str) -> None:
    for name, condition in CHECKS.items():
        op.execute(f"ALTER TABLE movements DROP CONSTRAINT IF EXISTS {name}")
        op.execute(f"ALTER TABLE movements ADD CONSTRAINT {name} CHECK ({condition.format(more=more)}) NOT VALID")


def upgrade() -> None:
    op.execute("ALTER TABLE matches ADD IF NOT EXISTS need_reopened_at timestamptz, ADD IF NOT EXISTS need_reopened_version bigint")
    op.execute("ALTER TABLE disputes ADD IF NOT EXISTS received bigint")
    _check(", 'corrected'")
    for name, (when, noted) in TRIGGERS.items():
        op.execute(f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {noted}; RETURN NULL; END $$")
        op.execute(f"CREATE OR REPLACE TRIGGER {name} {when} EXECUTE FUNCTION {name}()")
    with op.get_context().autocommit_block():
        for name in CHECKS:
            op.execute(f"ALTER TABLE movements VALIDATE CONSTRAINT {name}")


def downgrade() -> None:
    for name in TRIGGERS:
        op.execute(f"DROP FUNCTION {name} CASCADE")
    op.execute("ALTER TABLE movements DISABLE TRIGGER movements_are_only_added")
    op.execute("DELETE FROM movements WHERE kind = 'corrected'")
    op.execute("ALTER TABLE movements ENABLE TRIGGER movements_are_only_added")
    _check("")
    op.execute("ALTER TABLE disputes DROP received")
    op.execute("ALTER TABLE matches DROP need_reopened_at, DROP need_reopened_version")
