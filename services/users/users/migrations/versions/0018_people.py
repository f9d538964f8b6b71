"""Doors that disputes keep open, looks at accounts and self-reports, and indexes of what is erased in time or moves."""

from alembic import op

revision = "users_0018"
down_revision = "users_0024"
INDEXES = {
    "households_ended": "households (ended_at) WHERE ended_at IS NOT NULL AND ended_because IS DISTINCT FROM 'erased'",
    "households_merged_into": "households (merged_into) WHERE merged_into IS NOT NULL",
    "household_transfers_household": "household_transfers (household_id)",
    "household_versions_kept": "household_versions (id) WHERE length(note) > 0 OR length(changed) > 0",
    "household_members_kept": "household_members (left_at)"
    " WHERE left_at IS NOT NULL AND (length(name) > 0 OR length(national_id) > 0 OR length(born) > 0)",
    "household_visits_kept": "household_visits (id) WHERE length(note) > 0",
    "household_helps_kept": "household_helps (id) WHERE length(description) > 0",
    "household_reveals_kept": "household_reveals (id) WHERE length(reason) > 0",
    "person_reveals_kept": "person_reveals (id) WHERE length(reason) > 0",
    "person_reveals_person": "person_reveals (person_id, id)",
    "self_reports_kept": "self_reports (reported_at) WHERE length(name) > 0 OR length(phone) > 0 OR length(story) > 0",
    "self_reports_household": "self_reports (household_id) WHERE household_id IS NOT NULL",
    "household_visits_region": "household_visits (region)",
    "handovers_region": "handovers (region)",
    "consents_withdrawn": "consents (withdrawn_at) WHERE withdrawn_at IS NOT NULL",
}


def upgrade() -> None:
    op.execute(
        "ALTER TABLE handovers ADD IF NOT EXISTS dispute_version bigint NOT NULL DEFAULT 0,"
        " ADD IF NOT EXISTS dispute_settled_at timestamptz"
    )
    op.execute("ALTER TABLE household_reveals ADD IF NOT EXISTS parts text[] NOT NULL DEFAULT '{}'")
    op.execute(
        """
        CREATE TABLE IF NOT EXISTS person_reveals (
            id uuid CONSTRAINT person_reveals_pk PRIMARY KEY,
            person_id uuid NOT NULL,
            revealed_by uuid NOT NULL,
            revealed_at timestamptz NOT NULL,
            purpose varchar(20) NOT NULL,
            reason bytea NOT NULL
        )
        """
    )
    with op.get_context().autocommit_block():
        for name, rows in INDEXES.items():
            op.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {rows}")


def downgrade() -> None:
    op.execute("DROP TABLE person_reveals")
    op.execute("ALTER TABLE household_reveals DROP parts")
    op.execute(f"DROP INDEX {', '.join(name for name in INDEXES if not name.startswith('person_'))}")
    op.execute("ALTER TABLE handovers DROP dispute_version, DROP dispute_settled_at")
