"""Regions, accounts, sign-ins, appointments, households."""

from alembic import op

revision = "users_0001"
down_revision = None


def upgrade() -> None:
    op.execute('CREATE TABLE regions (code varchar(12) COLLATE "C" NOT NULL, name varchar(100) NOT NULL)')
    op.execute(
        'CREATE TABLE region_aliases (old_code varchar(12) COLLATE "C" CONSTRAINT region_aliases_pk PRIMARY KEY, old_name varchar(100) NOT NULL,'
        ' code varchar(12) COLLATE "C" NOT NULL)'
    )
    op.execute("CREATE INDEX region_aliases_code ON region_aliases (code)")
    op.execute(
        """
        CREATE TABLE accounts (
            id uuid CONSTRAINT accounts_pk PRIMARY KEY,
            version bigint NOT NULL,
            kind varchar(20) NOT NULL CHECK (kind IN ('household', 'donor', 'organisation', 'merchant', 'volunteer', 'staff')),
            phone bytea NOT NULL,
            phone_fingerprint bytea NOT NULL CONSTRAINT accounts_phone_fingerprint_key UNIQUE,
            name bytea NOT NULL,
            region varchar(12) COLLATE "C" NOT NULL,
            campaign varchar(40),
            password_hash varchar(200),
            state varchar(20) NOT NULL CHECK (state IN ('active', 'closed')),
            registered_at timestamptz NOT NULL
        )
        """
    )
    op.execute(
        """
        CREATE TABLE sign_ins (
            id uuid CONSTRAINT sign_ins_pk PRIMARY KEY,
            account_id uuid NOT NULL REFERENCES accounts,
            token_hash bytea NOT NULL,
            replaced_hash bytea,
            salt bytea,
            started_at timestamptz NOT NULL,
            refreshed_at timestamptz NOT NULL,
            expires_at timestamptz NOT NULL,
            ended_at timestamptz,
            ended_because varchar(20)
        )
        """
    )
    op.execute("CREATE INDEX sign_ins_account_id ON sign_ins (account_id)")
    op.execute("CREATE INDEX sign_ins_expires_at ON sign_ins (expires_at)")
    op.execute(
        "CREATE TABLE wrong_passwords (phone_fingerprint bytea CONSTRAINT wrong_passwords_pk PRIMARY KEY, tries bigint NOT NULL,"
        " since timestamptz NOT NULL)"
    )
    op.execute(
        """
        CREATE TABLE appointment_records (
            id uuid CONSTRAINT appointment_records_pk PRIMARY KEY,
            version bigint NOT NULL,
            account_id uuid NOT NULL REFERENCES accounts,
            region varchar(12) COLLATE "C" NOT NULL,
            appointed_by uuid,
            appointed_at timestamptz NOT NULL,
            dismissed_by uuid,
            dismissed_at timestamptz
        )
        """
    )
    op.execute(
        "CREATE UNIQUE INDEX appointment_records_standing_key ON appointment_records (account_id, region) WHERE dismissed_at IS NULL"
    )
    op.execute("CREATE INDEX appointment_records_account_id ON appointment_records (account_id)")
    op.execute("CREATE INDEX appointment_records_region ON appointment_records (region, id)")
    op.execute(
        """
        CREATE TABLE households (
            id uuid CONSTRAINT households_pk PRIMARY KEY,
            version bigint NOT NULL,
            account_id uuid CONSTRAINT households_account_id_key UNIQUE REFERENCES accounts,
            name bytea NOT NULL,
            national_id bytea NOT NULL,
            national_id_fingerprint bytea NOT NULL CONSTRAINT households_national_id_fingerprint_key UNIQUE,
            status varchar(20) NOT NULL,
            region varchar(12) COLLATE "C" NOT NULL,
            registered_by uuid,
            registered_at timestamptz NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX households_region ON households (region, id)")


def downgrade() -> None:
    op.execute("DROP TABLE households, appointment_records, wrong_passwords, sign_ins, accounts, region_aliases, regions")
