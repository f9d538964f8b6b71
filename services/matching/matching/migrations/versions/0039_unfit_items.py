"""Pledges carry the items that their kind excludes; those of before do so without their kind until needs tells it again."""

import sqlalchemy
from alembic import op

from contracts.items import shipped_items

revision = "matching_0039"
down_revision = "matching_0038"

PLEDGED = sqlalchemy.text("SELECT DISTINCT category, unit, kind FROM pledges WHERE unit = ANY(:units)")
SET = sqlalchemy.text(
    "UPDATE pledges SET unfit = CAST(:unfit AS text[]), not_for = ARRAY(SELECT DISTINCT unnest(not_for || CAST(:unfit AS text[])) ORDER BY 1)"
    " WHERE category = :category AND unit = :unit AND kind IS NOT DISTINCT FROM :kind AND unfit = '{}'"
)


def upgrade() -> None:
    op.execute("ALTER TABLE pledges ADD COLUMN IF NOT EXISTS unfit text[] COLLATE \"C\" NOT NULL DEFAULT '{}'")
    items = {item.category: item for item in shipped_items().values() if item.unit}
    connection = op.get_bind()
    for category, unit, kind in connection.execute(PLEDGED, {"units": sorted({str(item.unit) for item in items.values()})}).all():
        below = {one: item.kind for one, item in items.items() if item.unit == unit and f"{one}.".startswith(f"{category}.")}
        if kind is None:
            unfit = sorted(below) if len(set(below.values())) > 1 else []
        else:
            unfit = sorted(one for one, of in below.items() if of != kind)
        if unfit:
            connection.execute(SET, {"category": category, "unit": unit, "kind": kind, "unfit": unfit})


def downgrade() -> None:
    op.execute("UPDATE pledges SET not_for = ARRAY(SELECT unnest(not_for) EXCEPT SELECT unnest(unfit) ORDER BY 1) WHERE unfit <> '{}'")
    op.execute("ALTER TABLE pledges DROP COLUMN unfit")
