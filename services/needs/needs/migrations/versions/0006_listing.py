"""Existing needs and pledges enter the listings, in slices: writers wait for a slice at most.

A slice locks its rows, so a need that is closed meanwhile is either not listed or taken out again. Repeated after a crash, it goes on.
"""

from alembic import op
from sqlalchemy import text

revision = "needs_0006"
down_revision = "needs_0005"

SLICE = 5_000
LISTED = {"need": "state = 'published'", "pledge": "NOT (withdrawn OR resting OR expired)"}
EXPIRE = text(
    "UPDATE pledges SET expired = true WHERE id IN"
    " (SELECT id FROM pledges WHERE NOT expired AND valid_until <= now() LIMIT :slice FOR UPDATE SKIP LOCKED)"
)
LIST = """
    WITH slice AS (SELECT id, region, category FROM {side}s WHERE {listed} AND id > :last ORDER BY id LIMIT :slice FOR UPDATE),
    listed AS (
        INSERT INTO {side}_listings (region, category, id)
        SELECT key.region, key.category, id FROM slice, listing_keys(slice.region, slice.category) AS key ON CONFLICT DO NOTHING
    )
    SELECT id FROM slice ORDER BY id DESC LIMIT 1
"""


def upgrade() -> None:
    with op.get_context().autocommit_block():
        connection = op.get_bind()
        op.execute("CREATE INDEX CONCURRENTLY IF NOT EXISTS pledges_expiring ON pledges (valid_until) WHERE NOT expired")
        while connection.execute(EXPIRE, {"slice": SLICE}).rowcount:
            pass
        for side, listed in LISTED.items():
            last = "00000000-0000-0000-0000-000000000000"
            while last:
                last = connection.scalar(text(LIST.format(side=side, listed=listed)), {"last": last, "slice": SLICE})
        op.execute("ANALYZE need_listings, pledge_listings, need_quantities, pledge_quantities")


def downgrade() -> None:
    op.execute("TRUNCATE need_listings, pledge_listings")
    op.execute("DROP INDEX pledges_expiring")
