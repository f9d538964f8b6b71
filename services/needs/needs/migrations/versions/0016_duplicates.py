"""Links between needs that look alike, and the keys of their texts and photos."""

from alembic import op

revision = "needs_0016"
down_revision = "needs_0015"


def upgrade() -> None:
    op.execute("CREATE TABLE need_bands (key bigint, need_id uuid, source smallint NOT NULL, CONSTRAINT need_bands_pk PRIMARY KEY (key, need_id))")
    op.execute("CREATE INDEX need_bands_need_id ON need_bands (need_id)")
    op.execute(
        "CREATE TABLE need_photo_prints (need_id uuid, exact bytea, look bigint, CONSTRAINT need_photo_prints_pk PRIMARY KEY (need_id, exact))"
    )
    op.execute(
        "CREATE TABLE need_links (need_id uuid, other_id uuid, likeness varchar(20), linked_at timestamptz NOT NULL,"
        " CONSTRAINT need_links_pk PRIMARY KEY (need_id, other_id, likeness))"
    )
    op.execute("CREATE INDEX need_links_other_id ON need_links (other_id)")


def downgrade() -> None:
    op.execute("DROP TABLE need_bands, need_photo_prints, need_links")
