"""Answers by SMS about needs, and the consents that households gave by them."""

from alembic import op

revision = "needs_0031"
down_revision = "needs_0030"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE answers (
            id uuid CONSTRAINT answers_pk PRIMARY KEY,
            need_id uuid NOT NULL,
            household_id uuid NOT NULL,
            account_id uuid,
            person_id uuid NOT NULL,
            asked varchar(20) NOT NULL,
            answer varchar(20) NOT NULL,
            problem varchar(50),
            judged_at timestamptz NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX answers_need_id ON answers (need_id)")
    op.execute(
        """
        CREATE TABLE sms_consents (
            need_id uuid CONSTRAINT sms_consents_pk PRIMARY KEY,
            question_id uuid NOT NULL,
            given_at timestamptz NOT NULL
        )
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE sms_consents")
    op.execute("DROP TABLE answers")
