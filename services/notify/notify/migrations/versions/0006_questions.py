"""Questions by SMS and the answers to them; messages that follow a question."""

from alembic import op

revision = "notify_0006"
down_revision = "notify_0005"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE questions (
            id uuid CONSTRAINT questions_pk PRIMARY KEY,
            notice_id uuid NOT NULL,
            message_id uuid NOT NULL,
            recipient_id uuid NOT NULL,
            region varchar(12) COLLATE "C",
            kind varchar(100) NOT NULL,
            asked varchar(20) NOT NULL,
            about uuid NOT NULL,
            about_version bigint NOT NULL,
            phone bytea NOT NULL,
            telephone varchar(20) NOT NULL,
            provider varchar(20) NOT NULL,
            extension varchar(6) NOT NULL,
            state varchar(20) NOT NULL CHECK (state IN ('open', 'answered', 'unclear', 'stopped', 'expired', 'replaced', 'unsent')),
            times smallint NOT NULL,
            answer varchar(20),
            asked_at timestamptz NOT NULL,
            expires_at timestamptz NOT NULL,
            closed_at timestamptz
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX questions_open ON questions (phone, provider, extension) WHERE closed_at IS NULL")
    op.execute("CREATE INDEX questions_phone ON questions (phone, asked_at)")
    op.execute("CREATE INDEX questions_expires_at ON questions (expires_at) WHERE closed_at IS NULL")
    op.execute("CREATE INDEX questions_closed_at ON questions (closed_at) WHERE closed_at IS NOT NULL")
    op.execute("CREATE INDEX questions_message_id ON questions (message_id)")
    op.execute("CREATE INDEX questions_recipient_id ON questions (recipient_id)")
    op.execute("CREATE INDEX questions_region ON questions (region, id) WHERE region IS NOT NULL")
    op.execute(
        """
        CREATE TABLE answers (
            provider varchar(20),
            number varchar(100),
            question_id uuid,
            outcome varchar(20) NOT NULL,
            came_at timestamptz NOT NULL,
            CONSTRAINT answers_pk PRIMARY KEY (provider, number)
        )
        """
    )
    op.execute("CREATE INDEX answers_came_at ON answers (came_at)")
    op.execute("ALTER TABLE messages ADD question_id uuid, ADD text varchar(20)")
    op.execute("CREATE UNIQUE INDEX messages_question_id ON messages (question_id, text) WHERE question_id IS NOT NULL")


def downgrade() -> None:
    op.execute("DELETE FROM messages WHERE question_id IS NOT NULL")
    op.execute("DROP INDEX messages_question_id")
    op.execute("ALTER TABLE messages DROP question_id, DROP text")
    op.execute("DROP TABLE answers")
    op.execute("DROP TABLE questions")
