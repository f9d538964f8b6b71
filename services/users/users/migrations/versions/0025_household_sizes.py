"""The size of a household, as its events state it: of every household, and of the last version of each that stands.

Rows are filled in slices; another slice, or a process of the release before, waits for none. What a process of before writes meanwhile has
no size until the household changes again.
"""

from alembic import op
from sqlalchemy import text

revision = "users_0025"
down_revision = "users_0018"

SLICE = 5_000
FIRST = "00000000-0000-0000-0000-000000000000"
_FILL = text(
    """
    WITH slice AS (
        SELECT id, version, ended_at, size FROM households WHERE id > :last ORDER BY id LIMIT :slice FOR UPDATE
    ), counted AS (
        SELECT slice.id, slice.version, CASE WHEN slice.size IS NULL AND known.members = 0 THEN NULL
            ELSE least(100, greatest(slice.size, known.members + 1)) END AS size
        FROM slice, LATERAL (
            SELECT count(*) AS members FROM household_members WHERE household_id = slice.id AND left_at IS NULL
        ) AS known
        WHERE slice.ended_at IS NULL
    ), told AS (
        UPDATE household_versions AS row SET size = counted.size FROM counted
        WHERE row.household_id = counted.id AND row.version = counted.version
    ), known AS (
        UPDATE households SET published_size = counted.size FROM counted WHERE households.id = counted.id
    )
    SELECT id FROM slice ORDER BY id DESC LIMIT 1
    """
)


def upgrade() -> None:
    op.execute("ALTER TABLE households ADD IF NOT EXISTS published_size integer")
    op.execute("ALTER TABLE household_versions ADD IF NOT EXISTS size integer")
    with op.get_context().autocommit_block():
        last = FIRST
        while last:
            last = op.get_bind().scalar(_FILL, {"last": last, "slice": SLICE})


def downgrade() -> None:
    op.execute("ALTER TABLE household_versions DROP size")
    op.execute("ALTER TABLE households DROP published_size")
