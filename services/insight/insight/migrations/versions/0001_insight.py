"""Needs as heard, notes."""

from alembic import op

revision = "insight_0001"
down_revision = None


def upgrade() -> None:
    op.execute(
        'CREATE TABLE needs (id uuid CONSTRAINT needs_pk PRIMARY KEY, version bigint NOT NULL, region varchar(12) COLLATE "C" NOT NULL,'
        ' category varchar(100) COLLATE "C" NOT NULL, ended boolean NOT NULL)'
    )
    op.execute(
        "CREATE TABLE notes (id uuid CONSTRAINT notes_pk PRIMARY KEY, version bigint NOT NULL, author_id uuid NOT NULL,"
        " need_id uuid NOT NULL, text bytea NOT NULL, written_at timestamptz NOT NULL)"
    )
    op.execute("CREATE INDEX notes_author_id ON notes (author_id, id)")


def downgrade() -> None:
    op.execute("DROP TABLE needs, notes")
