"""Review of needs: stories, clocks, a second step, returns; decisions, samples and settings of regions.

Needs that wait at the time of the migration get four days more. Processes of the release before write needs as they did.
"""

from alembic import op

revision = "needs_0015"
down_revision = "needs_0014"

STATES = "'posted', 'confirmed', 'returned', 'published', 'rejected', 'withdrawn', 'closed'"
WAITS = "state IN ('posted', 'confirmed')"
LEVELS = (0, 2, 4, 6, 9)
COLUMNS = (
    "story bytea",
    "due_at timestamptz NOT NULL DEFAULT now() + interval '4 days'",
    "stage_version bigint",
    "reminded_version bigint",
    "reminded_at timestamptz",
    "overdue_version bigint",
    "overdue_at timestamptz",
    "confirmed_by uuid",
    "confirmed_at timestamptz",
    "returned_because varchar(50)",
    "return_note bytea",
    "returned_by uuid",
    "returned_at timestamptz",
)
INDEXES = {
    **{f"needs_waiting_{level}": f"needs (left(region, {level}), state, urgency, due_at, id) WHERE {WAITS}" for level in LEVELS},
    "needs_reviews_to_remind": f"needs (due_at) WHERE {WAITS} AND reminded_version IS NULL",
    "needs_old_texts": "needs (ended_at) WHERE ended_at IS NOT NULL AND "
    "(length(reason) > 0 OR length(specification) > 0 OR length(story) > 0 OR length(return_note) > 0)",
    "needs_reviews_overdue": f"needs (due_at) WHERE {WAITS} AND overdue_version IS NULL",
}
CHECKS = {
    "needs_state_check": f"state IN ({STATES})",
    "needs_confirmed_by_check": "confirmed_by NOT IN (poster_id, verifier_id)",
    "needs_returned_by_check": "returned_by <> poster_id",
}
REGION = 'varchar(12) COLLATE "C" NOT NULL'


def upgrade() -> None:
    op.execute("ALTER TABLE needs " + ", ".join(f"ADD COLUMN IF NOT EXISTS {column}" for column in COLUMNS))
    for name, check in CHECKS.items():
        op.execute(f"ALTER TABLE needs DROP CONSTRAINT IF EXISTS {name}, ADD CONSTRAINT {name} CHECK ({check}) NOT VALID")
    op.execute(
        f"CREATE TABLE IF NOT EXISTS review_decisions (id uuid CONSTRAINT review_decisions_pk PRIMARY KEY, need_id uuid NOT NULL, region {REGION},"
        " reviewer_id uuid NOT NULL, step varchar(20) NOT NULL, verdict varchar(20) NOT NULL, reason varchar(50), value bigint NOT NULL,"
        " decided_at timestamptz NOT NULL)"
    )
    op.execute("CREATE INDEX IF NOT EXISTS review_decisions_region ON review_decisions (region, decided_at)")
    op.execute(
        f"CREATE TABLE IF NOT EXISTS review_samples (id uuid CONSTRAINT review_samples_pk PRIMARY KEY, version bigint NOT NULL,"
        f" need_id uuid NOT NULL CONSTRAINT review_samples_need_id_key UNIQUE, region {REGION},"
        ' category varchar(100) COLLATE "C" NOT NULL, reviewer_id uuid NOT NULL, second_reviewer_id uuid, value bigint NOT NULL,'
        " verified_at timestamptz NOT NULL, is_right boolean, reason varchar(50), checked_by uuid, checked_at timestamptz,"
        " CHECK (checked_by NOT IN (reviewer_id, coalesce(second_reviewer_id, reviewer_id))))"
    )
    op.execute("CREATE INDEX IF NOT EXISTS review_samples_region ON review_samples (region, id)")
    op.execute(
        'CREATE TABLE IF NOT EXISTS review_seeds (county varchar(12) COLLATE "C" CONSTRAINT review_seeds_pk PRIMARY KEY,'
        " seed bigint NOT NULL, made_at timestamptz NOT NULL)"
    )
    op.execute(
        f"CREATE TABLE IF NOT EXISTS review_settings (region {REGION}, version bigint, county_above bigint, sample_per_mille smallint,"
        " set_by uuid NOT NULL, set_at timestamptz NOT NULL, CONSTRAINT review_settings_pk PRIMARY KEY (region, version))"
    )
    with op.get_context().autocommit_block():
        for name in CHECKS:
            op.execute(f"ALTER TABLE needs VALIDATE CONSTRAINT {name}")
        for name, columns in INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {columns}")


def downgrade() -> None:
    op.execute(f"DROP INDEX {', '.join(INDEXES)}")
    op.execute("CREATE INDEX needs_old_texts ON needs (ended_at) WHERE ended_at IS NOT NULL AND (length(reason) > 0 OR length(specification) > 0)")
    op.execute("DROP TABLE review_decisions, review_samples, review_seeds, review_settings")
    op.execute("ALTER TABLE needs " + ", ".join(f"DROP CONSTRAINT {name}" for name in CHECKS))
    op.execute("UPDATE needs SET state = 'posted' WHERE state IN ('confirmed', 'returned')")
    op.execute("ALTER TABLE needs " + ", ".join(f"DROP {column.split()[0]}" for column in COLUMNS))
    op.execute("ALTER TABLE needs ADD CHECK (state IN ('posted', 'published', 'rejected', 'withdrawn', 'closed'))")
