"""Needs that open again after their end: when, by whom and why; their history says so."""

from alembic import op

revision = "needs_0030"
down_revision = "needs_0029"

COLUMNS = {"reopened_at": "timestamptz", "reopened_by": "uuid", "reopened_because": "varchar(20)", "reopened_version": "bigint"}
WRITTEN = "need_history (need_id, version, act, state, quantity, reason, by_id, expires_at, at)"
REOPENED = "NEW.reopened_version = NEW.version AND OLD.reopened_version IS DISTINCT FROM NEW.reopened_version"
ACT = """
    CASE {reopened} WHEN OLD.state <> NEW.state THEN NEW.state
        WHEN NEW.renewed_version = NEW.version THEN 'renewed'
        WHEN NEW.expiring_version = NEW.version THEN 'reminded'
        WHEN OLD.reminded_version IS DISTINCT FROM NEW.reminded_version AND NEW.reminded_version = NEW.version THEN 'review_reminded'
        WHEN OLD.overdue_version IS DISTINCT FROM NEW.overdue_version AND NEW.overdue_version = NEW.version THEN 'review_overdue'
        WHEN (OLD.region, OLD.household_id, OLD.account_id) IS DISTINCT FROM (NEW.region, NEW.household_id, NEW.account_id) THEN 'moved'
        ELSE 'changed' END
"""
BY = """
    CASE {reopened} WHEN OLD.state <> NEW.state THEN
        CASE NEW.state WHEN 'withdrawn' THEN NEW.withdrawn_by WHEN 'closed' THEN NEW.closed_by
            WHEN 'confirmed' THEN NEW.confirmed_by WHEN 'returned' THEN NEW.returned_by
            WHEN 'published' THEN NEW.verifier_id WHEN 'rejected' THEN NEW.verifier_id END
        WHEN NEW.renewed_version = NEW.version THEN NEW.renewed_by END
"""
REASON = "CASE {reopened} WHEN OLD.state <> NEW.state THEN NEW.ended_because END"
INDEXES = {
    "review_samples_faults": "review_samples (reviewer_id, id) WHERE NOT is_right",
    "review_samples_second_faults": "review_samples (second_reviewer_id, id) WHERE NOT is_right AND second_reviewer_id IS NOT NULL",
}


def _record(*, reopened: bool) -> None:
    """Write the function of the history, with or without the act of opening again."""

    def case(text: str, then: str) -> str:
        return text.format(reopened=f"WHEN {REOPENED} THEN {then}" if reopened else "")

    act, reason, by = (case(*parts) for parts in ((ACT, "'reopened'"), (REASON, "NEW.reopened_because"), (BY, "NEW.reopened_by")))
    op.execute(
        "CREATE OR REPLACE FUNCTION record_need() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF TG_OP = 'INSERT' THEN INSERT INTO {WRITTEN} VALUES"
        " (NEW.id, NEW.version, NEW.state, NEW.state, NEW.quantity, NULL, NEW.poster_id, NEW.expires_at, NEW.posted_at);"
        f" ELSE INSERT INTO {WRITTEN} VALUES (NEW.id, NEW.version, {act}, NEW.state, NEW.quantity,"
        f" {reason}, {by}, NEW.expires_at,"
        " coalesce(CASE WHEN OLD.ended_at IS NULL THEN NEW.ended_at END, clock_timestamp()));"
        " END IF; RETURN NULL; END $$"
    )


def upgrade() -> None:
    op.execute(f"ALTER TABLE needs {', '.join(f'ADD COLUMN IF NOT EXISTS {name} {kind}' for name, kind in COLUMNS.items())}")
    _record(reopened=True)
    for name, index in INDEXES.items():
        op.execute(f"CREATE INDEX IF NOT EXISTS {name} ON {index}")


def downgrade() -> None:
    op.execute(f"DROP INDEX {', '.join(INDEXES)}")
    _record(reopened=False)
    op.execute(f"ALTER TABLE needs {', '.join(f'DROP {name}' for name in COLUMNS)}")
