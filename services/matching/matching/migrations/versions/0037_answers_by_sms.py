"""Answers by SMS about matches."""

from alembic import op

revision = "matching_0037"
down_revision = "matching_0036"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE answers (
            id uuid CONSTRAINT answers_pk PRIMARY KEY,
            match_id uuid NOT NULL,
            household_id uuid NOT NULL,
            account_id uuid,
            person_id uuid NOT NULL,
            side varchar(20) NOT NULL,
            asked varchar(20) NOT NULL,
            answer varchar(20) NOT NULL,
            problem varchar(50),
            judged_at timestamptz NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX answers_match_id ON answers (match_id)")


def downgrade() -> None:
    op.execute("DROP TABLE answers")
