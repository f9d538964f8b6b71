"""A pledge of which nothing is open leaves the list of pledges, and comes back when something is.

Triggers keep `used_up`: by the sums of its matches, and by a change of its quantity. A pledge's row is locked after its sums.
"""

from alembic import op
from sqlalchemy import text

revision = "needs_0019"
down_revision = "needs_0018"

SLICE = 5_000
LISTED = {"before": "withdrawn, resting, expired", "after": "withdrawn, resting, expired, used_up"}
MARK = text(
    "UPDATE pledges SET used_up = true WHERE id IN (SELECT id FROM pledges JOIN pledge_quantities AS sums USING (id)"
    " WHERE NOT used_up AND quantity <= sums.accepted + sums.proposed ORDER BY id LIMIT :slice FOR UPDATE OF pledges SKIP LOCKED)"
)


def _list_by(columns: str) -> None:
    before, after = (f"NOT ({' OR '.join(f'{row}.{name}' for name in columns.split(', '))})" for row in ("OLD", "NEW"))
    op.execute(
        "CREATE OR REPLACE FUNCTION list_pledge() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF TG_OP <> 'INSERT' AND {before} THEN"
        " DELETE FROM pledge_listings AS listing USING listing_keys(OLD.region, OLD.category) AS key"
        " WHERE listing.region = key.region AND listing.category = key.category AND listing.id = OLD.id;"
        " END IF;"
        f" IF TG_OP <> 'DELETE' AND {after} THEN"
        " INSERT INTO pledge_listings (region, category, id) SELECT key.region, key.category, NEW.id"
        " FROM listing_keys(NEW.region, NEW.category) AS key;"
        " END IF;"
        " RETURN NULL; END $$"
    )
    for name, act, when in (
        ("offered", "INSERT", after),
        # A trigger before the update may change `used_up`, which counts as a change of `quantity` alone.
        ("changed", f"UPDATE OF region, category, quantity, {columns}", f"OLD.* IS DISTINCT FROM NEW.* AND ({before} OR {after})"),
        ("removed", "DELETE", before),
    ):
        op.execute(f"DROP TRIGGER pledge_{name} ON pledges")
        op.execute(f"CREATE TRIGGER pledge_{name} AFTER {act} ON pledges FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION list_pledge()")


def upgrade() -> None:
    op.execute("ALTER TABLE pledges ADD COLUMN IF NOT EXISTS used_up boolean NOT NULL DEFAULT false")
    _list_by(LISTED["after"])
    op.execute(
        "CREATE OR REPLACE FUNCTION use_up_pledge() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " UPDATE pledges SET used_up = (quantity <= NEW.accepted + NEW.proposed)"
        " WHERE id = NEW.id AND used_up <> (quantity <= NEW.accepted + NEW.proposed); RETURN NULL; END $$"
    )
    op.execute(
        "CREATE OR REPLACE FUNCTION measure_pledge() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " NEW.used_up = coalesce((SELECT NEW.quantity <= sums.accepted + sums.proposed FROM pledge_quantities AS sums"
        " WHERE sums.id = NEW.id), false); RETURN NEW; END $$"
    )
    op.execute("DROP TRIGGER IF EXISTS pledge_used ON pledge_quantities")
    op.execute("CREATE TRIGGER pledge_used AFTER INSERT OR UPDATE ON pledge_quantities FOR EACH ROW EXECUTE FUNCTION use_up_pledge()")
    op.execute("DROP TRIGGER IF EXISTS pledge_measured ON pledges")
    op.execute("CREATE TRIGGER pledge_measured BEFORE UPDATE OF quantity ON pledges FOR EACH ROW EXECUTE FUNCTION measure_pledge()")
    with op.get_context().autocommit_block():
        while op.get_bind().execute(MARK, {"slice": SLICE}).rowcount:
            pass


def downgrade() -> None:
    op.execute("DROP FUNCTION use_up_pledge, measure_pledge CASCADE")
    _list_by(LISTED["before"])
    op.execute("UPDATE pledges SET used_up = false WHERE used_up")
    op.execute("ALTER TABLE pledges DROP used_up")
