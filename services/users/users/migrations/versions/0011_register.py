"""The register: versions, members, labels, transfers, looks, visits, institutions. Every household of before gets its first version."""

from alembic import op

revision = "users_0011"
down_revision = "users_0010"

REGION = 'varchar(12) COLLATE "C"'
TABLES = (
    f"""
    CREATE TABLE IF NOT EXISTS household_versions (
        id uuid CONSTRAINT household_versions_pk PRIMARY KEY,
        household_id uuid NOT NULL REFERENCES households,
        version bigint NOT NULL,
        act varchar(40) NOT NULL,
        reason varchar(40),
        note bytea,
        changed_by uuid,
        changed_at timestamptz NOT NULL,
        account_id uuid,
        region {REGION} NOT NULL,
        former_region {REGION},
        status varchar(20) NOT NULL,
        merged_into uuid,
        fields text[] NOT NULL,
        changed bytea,
        CONSTRAINT household_versions_key UNIQUE (household_id, version)
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS household_members (
        id uuid CONSTRAINT household_members_pk PRIMARY KEY,
        version bigint NOT NULL,
        household_id uuid NOT NULL REFERENCES households,
        name bytea NOT NULL,
        national_id bytea,
        national_id_fingerprint bytea,
        born bytea,
        sex varchar(10),
        relation varchar(20) NOT NULL,
        student boolean NOT NULL,
        patient boolean NOT NULL,
        disabled boolean NOT NULL,
        labour boolean NOT NULL,
        guardian_consent varchar(20),
        added_by uuid,
        added_at timestamptz NOT NULL,
        left_at timestamptz,
        left_because varchar(20)
    )
    """,
    f"""
    CREATE TABLE IF NOT EXISTS household_transfers (
        id uuid CONSTRAINT household_transfers_pk PRIMARY KEY,
        version bigint NOT NULL,
        household_id uuid NOT NULL REFERENCES households,
        member_id uuid REFERENCES household_members,
        entry_id uuid NOT NULL REFERENCES households,
        national_id_fingerprint bytea NOT NULL,
        region {REGION} NOT NULL,
        state varchar(20) NOT NULL,
        requested_by uuid,
        requested_at timestamptz NOT NULL,
        decided_by uuid,
        decided_at timestamptz
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS household_reveals (
        id uuid CONSTRAINT household_reveals_pk PRIMARY KEY,
        household_id uuid NOT NULL REFERENCES households,
        revealed_by uuid NOT NULL,
        revealed_at timestamptz NOT NULL,
        purpose varchar(20) NOT NULL,
        reason bytea NOT NULL
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS household_labels (
        id uuid CONSTRAINT household_labels_pk PRIMARY KEY,
        version bigint NOT NULL,
        household_id uuid NOT NULL REFERENCES households,
        label varchar(30) NOT NULL,
        status_before varchar(20) NOT NULL,
        entered_on date NOT NULL,
        entered_by uuid NOT NULL,
        entry_reason varchar(20) NOT NULL,
        note bytea,
        risk_removed_on date,
        risk_removed_by uuid,
        exited_on date,
        exited_by uuid,
        exit_reason varchar(20)
    )
    """,
    f"""
    CREATE TABLE IF NOT EXISTS household_visits (
        id uuid CONSTRAINT household_visits_pk PRIMARY KEY,
        household_id uuid NOT NULL REFERENCES households,
        account_id uuid NOT NULL,
        region {REGION} NOT NULL,
        visited_on date NOT NULL,
        note bytea,
        recorded_at timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS household_helps (
        id uuid CONSTRAINT household_helps_pk PRIMARY KEY,
        visit_id uuid NOT NULL REFERENCES household_visits,
        kind varchar(20) NOT NULL,
        value bigint,
        description bytea NOT NULL
    )
    """,
    f"""
    CREATE TABLE IF NOT EXISTS institutions (
        id uuid CONSTRAINT institutions_pk PRIMARY KEY,
        version bigint NOT NULL,
        kind varchar(20) NOT NULL,
        name varchar(100) NOT NULL,
        uscc varchar(18),
        region {REGION} NOT NULL,
        address varchar(200),
        telephone varchar(20),
        registered_by uuid NOT NULL,
        registered_at timestamptz NOT NULL,
        changed_by uuid NOT NULL,
        changed_at timestamptz NOT NULL,
        ended_at timestamptz,
        ended_by uuid,
        ended_because varchar(20)
    )
    """,
    f"""
    CREATE TABLE IF NOT EXISTS institution_versions (
        id uuid CONSTRAINT institution_versions_pk PRIMARY KEY,
        institution_id uuid NOT NULL REFERENCES institutions,
        version bigint NOT NULL,
        act varchar(40) NOT NULL,
        reason varchar(20),
        changed_by uuid NOT NULL,
        changed_at timestamptz NOT NULL,
        changed jsonb NOT NULL,
        CONSTRAINT institution_versions_key UNIQUE (institution_id, version)
    )
    """,
)
INDEXES = {
    "households_standing_number_key": "UNIQUE INDEX {} ON households (national_id_fingerprint, region) WHERE ended_at IS NULL",
    "household_members_standing_number": "INDEX {} ON household_members (national_id_fingerprint) WHERE left_at IS NULL",
    "household_members_household": "INDEX {} ON household_members (household_id, id)",
    "household_transfers_waiting_key": "UNIQUE INDEX {} ON household_transfers (household_id, entry_id) WHERE state = 'waiting'",
    "household_transfers_entry": "INDEX {} ON household_transfers (entry_id)",
    "household_transfers_region": "INDEX {} ON household_transfers (region, id)",
    "household_reveals_household": "INDEX {} ON household_reveals (household_id, id)",
    "household_labels_standing_key": "UNIQUE INDEX {} ON household_labels (household_id) WHERE exited_on IS NULL AND risk_removed_on IS NULL",
    "household_labels_household": "INDEX {} ON household_labels (household_id, id)",
    "household_visits_household": "INDEX {} ON household_visits (household_id, id)",
    "household_visits_account": "INDEX {} ON household_visits (account_id, id)",
    "household_helps_visit": "INDEX {} ON household_helps (visit_id)",
    "institutions_region": "INDEX {} ON institutions (region, id)",
    "institutions_standing_uscc_key": "UNIQUE INDEX {} ON institutions (uscc) WHERE ended_at IS NULL",
}


def upgrade() -> None:
    op.execute(
        "ALTER TABLE households ADD COLUMN IF NOT EXISTS phone_kind varchar(20), ADD COLUMN IF NOT EXISTS address bytea,"
        " ADD COLUMN IF NOT EXISTS size integer, ADD COLUMN IF NOT EXISTS registered_version bigint NOT NULL DEFAULT 1,"
        " ADD COLUMN IF NOT EXISTS ended_at timestamptz, ADD COLUMN IF NOT EXISTS ended_because varchar(20),"
        " ADD COLUMN IF NOT EXISTS merged_into uuid REFERENCES households"
    )
    for table in TABLES:
        op.execute(table)
    op.execute("UPDATE households SET registered_version = version WHERE version > registered_version")
    op.execute(
        "INSERT INTO household_versions (id, household_id, version, act, changed_by, changed_at, account_id, region, status, fields)"
        " SELECT id, id, version, 'register_household', registered_by, registered_at, account_id, region, status, '{}' FROM households"
        " ON CONFLICT DO NOTHING"
    )
    with op.get_context().autocommit_block():
        for name, index in INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute("CREATE " + index.format(name).replace("INDEX", "INDEX CONCURRENTLY", 1))
    op.execute("ALTER TABLE households DROP CONSTRAINT IF EXISTS households_national_id_fingerprint_key")


def downgrade() -> None:
    op.execute(
        "DROP TABLE household_helps, household_visits, institution_versions, institutions, household_labels, household_reveals, household_transfers, household_members,"
        " household_versions"
    )
    op.execute("DROP INDEX households_standing_number_key")
    op.execute(
        "ALTER TABLE households DROP phone_kind, DROP address, DROP size, DROP registered_version, DROP ended_at, DROP ended_because,"
        " DROP merged_into"
    )
    op.execute("ALTER TABLE households ADD CONSTRAINT households_national_id_fingerprint_key UNIQUE (national_id_fingerprint)")
