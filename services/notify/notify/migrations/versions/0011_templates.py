"""Words of regions for kinds of notices, in versions."""

from alembic import op

revision = "notify_0011"
down_revision = "notify_0010"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE templates (
            region varchar(12) COLLATE "C",
            kind varchar(100),
            side varchar(20),
            version bigint,
            words jsonb,
            set_by uuid NOT NULL,
            set_at timestamptz NOT NULL,
            CONSTRAINT templates_pk PRIMARY KEY (region, kind, side, version)
        )
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE templates")
