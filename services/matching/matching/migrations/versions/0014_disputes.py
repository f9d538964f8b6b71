"""Disputes of what was sent or received."""

from alembic import op

revision = "matching_0014"
down_revision = "matching_0013"


def upgrade() -> None:
    op.execute("ALTER TABLE matches ADD dispute varchar(10) CHECK (dispute IN ('open', 'settled'))")
    op.execute(
        """
        CREATE TABLE disputes (
            id uuid CONSTRAINT disputes_pk PRIMARY KEY,
            version bigint NOT NULL,
            match_id uuid NOT NULL CONSTRAINT disputes_match_id UNIQUE REFERENCES matches (id),
            side varchar(10) NOT NULL CHECK (side IN ('giver', 'household')),
            cause varchar(20) NOT NULL,
            text bytea NOT NULL,
            state varchar(10) NOT NULL CHECK (state IN ('open', 'answered', 'raised', 'settled')),
            outcome varchar(20),
            opened_by uuid NOT NULL,
            opened_at timestamptz NOT NULL,
            due_at timestamptz,
            answer bytea,
            answered_by uuid,
            answered_at timestamptz,
            answered_as varchar(20),
            raised_by uuid,
            raised_at timestamptz,
            ruling bytea,
            settled_by uuid,
            settled_at timestamptz,
            CHECK ((state = 'settled') = (settled_at IS NOT NULL) AND (due_at IS NOT NULL) = (state IN ('open', 'answered')))
        )
        """
    )
    op.execute("CREATE INDEX disputes_due_at ON disputes (due_at) WHERE due_at IS NOT NULL")
    op.execute("CREATE INDEX disputes_unsettled ON disputes (id) WHERE state <> 'settled'")


def downgrade() -> None:
    op.execute("DROP TABLE disputes")
    op.execute("ALTER TABLE matches DROP dispute")
