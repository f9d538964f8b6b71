"""The life of a need: when it expires, its renewal, its history; unknown quantities; villages that fall silent.

A trigger writes the history, so no act can forget it, and processes of the release before write it too.
"""

from alembic import op
from sqlalchemy import text

revision = "needs_0017"
down_revision = "needs_0024"

SLICE = 5_000
COLUMNS = {
    "closed_by": "uuid",
    "expires_at": "timestamptz",
    "expiring_at": "timestamptz",
    "expiring_version": "bigint",
    "renewed_at": "timestamptz",
    "renewed_by": "uuid",
    "renewed_version": "bigint",
}
STATES = "'posted', 'confirmed', 'returned', 'published', 'rejected', 'withdrawn', 'closed', 'expired', 'met'"
CHECKS = {
    "needs_state_check": f"state IN ({STATES})",
    "needs_quantity_check": "quantity BETWEEN 0 AND 1000000000 AND (quantity > 0 OR state <> 'published')",
}
INDEXES = {
    "needs_expiring": "needs (expires_at) WHERE state = 'published'",
    "needs_to_remind": "needs (expires_at) WHERE state = 'published' AND expiring_at IS NULL",
    "needs_without_expiry": "needs (id) WHERE state = 'published' AND expires_at IS NULL",
    "needs_region_posted": "needs (region, posted_at)",
}
ACT = """
    CASE WHEN OLD.state <> NEW.state THEN NEW.state
        WHEN NEW.renewed_version = NEW.version THEN 'renewed'
        WHEN NEW.expiring_version = NEW.version THEN 'reminded'
        WHEN OLD.reminded_version IS DISTINCT FROM NEW.reminded_version AND NEW.reminded_version = NEW.version THEN 'review_reminded'
        WHEN OLD.overdue_version IS DISTINCT FROM NEW.overdue_version AND NEW.overdue_version = NEW.version THEN 'review_overdue'
        WHEN (OLD.region, OLD.household_id, OLD.account_id) IS DISTINCT FROM (NEW.region, NEW.household_id, NEW.account_id) THEN 'moved'
        ELSE 'changed' END
"""
BY = """
    CASE WHEN OLD.state <> NEW.state THEN
        CASE NEW.state WHEN 'withdrawn' THEN NEW.withdrawn_by WHEN 'closed' THEN NEW.closed_by
            WHEN 'confirmed' THEN NEW.confirmed_by WHEN 'returned' THEN NEW.returned_by
            WHEN 'published' THEN NEW.verifier_id WHEN 'rejected' THEN NEW.verifier_id END
        WHEN NEW.renewed_version = NEW.version THEN NEW.renewed_by END
"""
WRITTEN = "need_history (need_id, version, act, state, quantity, reason, by_id, expires_at, at)"
BEFORE = f"""
    WITH slice AS (SELECT * FROM needs WHERE id > :last ORDER BY id LIMIT :slice),
    written AS (
        INSERT INTO {WRITTEN}
        SELECT slice.id, change.version, act, act, quantity, change.reason, by_id, CAST(NULL AS timestamptz), change.at
        FROM slice, LATERAL (VALUES
            (CAST(1 AS bigint), 'posted', CAST(NULL AS varchar), poster_id, posted_at),
            (coalesce(published_version, slice.version - CASE WHEN ended_at IS NULL THEN 0 ELSE 1 END), 'published', NULL, verifier_id,
                published_at),
            (slice.version, state, ended_because, CASE state WHEN 'withdrawn' THEN withdrawn_by WHEN 'rejected' THEN verifier_id END,
                ended_at)
        ) AS change (version, act, reason, by_id, at)
        WHERE change.at IS NOT NULL AND NOT EXISTS (SELECT FROM need_history WHERE need_id = slice.id) ORDER BY slice.id, change.version
    )
    SELECT id FROM slice ORDER BY id DESC LIMIT 1
"""


def upgrade() -> None:
    op.execute(f"ALTER TABLE needs {', '.join(f'ADD COLUMN IF NOT EXISTS {name} {kind}' for name, kind in COLUMNS.items())}")
    for name, condition in CHECKS.items():
        op.execute(f"ALTER TABLE needs DROP CONSTRAINT IF EXISTS {name}, ADD CONSTRAINT {name} CHECK ({condition}) NOT VALID")
    op.execute(
        "CREATE TABLE IF NOT EXISTS need_history (id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT need_history_pk PRIMARY KEY,"
        " need_id uuid NOT NULL, version bigint NOT NULL, act varchar(20) NOT NULL, state varchar(20) NOT NULL, quantity bigint NOT NULL,"
        " reason varchar(50), by_id uuid, expires_at timestamptz, at timestamptz NOT NULL)"
    )
    op.execute("CREATE INDEX IF NOT EXISTS need_history_need_id ON need_history (need_id, version, id)")
    op.execute(
        'CREATE TABLE IF NOT EXISTS villages (id uuid CONSTRAINT villages_pk PRIMARY KEY, region varchar(12) COLLATE "C" NOT NULL,'
        " version bigint NOT NULL, known_since timestamptz NOT NULL, checked_at timestamptz NOT NULL, last_posted_at timestamptz,"
        " silent_since timestamptz, told_at timestamptz)"
    )
    op.execute("CREATE UNIQUE INDEX IF NOT EXISTS villages_region ON villages (region)")
    op.execute("CREATE INDEX IF NOT EXISTS villages_checked_at ON villages (checked_at)")
    op.execute("CREATE INDEX IF NOT EXISTS villages_silent ON villages (region, id) WHERE silent_since IS NOT NULL")
    op.execute(
        "CREATE OR REPLACE FUNCTION record_need() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF TG_OP = 'INSERT' THEN INSERT INTO {WRITTEN} VALUES"
        " (NEW.id, NEW.version, NEW.state, NEW.state, NEW.quantity, NULL, NEW.poster_id, NEW.expires_at, NEW.posted_at);"
        f" ELSE INSERT INTO {WRITTEN} VALUES (NEW.id, NEW.version, {ACT}, NEW.state, NEW.quantity,"
        f" CASE WHEN OLD.state <> NEW.state THEN NEW.ended_because END, {BY}, NEW.expires_at,"
        " coalesce(CASE WHEN OLD.ended_at IS NULL THEN NEW.ended_at END, clock_timestamp()));"
        " END IF; RETURN NULL; END $$"
    )
    for name, act, when in (
        ("posted", "INSERT", "true"),
        ("lived", "UPDATE", "(OLD.version, OLD.state) IS DISTINCT FROM (NEW.version, NEW.state)"),
    ):
        op.execute(f"DROP TRIGGER IF EXISTS need_{name} ON needs")
        op.execute(f"CREATE TRIGGER need_{name} AFTER {act} ON needs FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION record_need()")
    with op.get_context().autocommit_block():
        connection = op.get_bind()
        for name in CHECKS:
            op.execute(f"ALTER TABLE needs VALIDATE CONSTRAINT {name}")
        for name, columns in INDEXES.items():
            op.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {columns}")
        op.execute(
            "INSERT INTO villages (id, region, version, known_since, checked_at)"
            " SELECT gen_random_uuid(), region, 0, now(), CAST('epoch' AS timestamptz) FROM households"
            " WHERE length(region) = 12 AND NOT ended GROUP BY region ON CONFLICT (region) DO NOTHING"
        )
        last = "00000000-0000-0000-0000-000000000000"
        while last:
            last = connection.scalar(text(BEFORE), {"last": last, "slice": SLICE})


def downgrade() -> None:
    op.execute("DROP FUNCTION record_need CASCADE")
    op.execute("DROP TABLE need_history, villages")
    op.execute(f"DROP INDEX {', '.join(INDEXES)}")
    op.execute("UPDATE needs SET state = 'closed', ended_because = 'other' WHERE state IN ('expired', 'met')")
    op.execute("UPDATE needs SET quantity = 1 WHERE quantity = 0")
    op.execute(
        "ALTER TABLE needs DROP CONSTRAINT needs_state_check, DROP CONSTRAINT needs_quantity_check,"
        " ADD CONSTRAINT needs_state_check CHECK (state IN ('posted', 'confirmed', 'returned', 'published', 'rejected', 'withdrawn', 'closed')),"
        " ADD CONSTRAINT needs_quantity_check CHECK (quantity BETWEEN 1 AND 1000000000)"
    )
    op.execute(f"ALTER TABLE needs {', '.join(f'DROP {name}' for name in COLUMNS)}")
