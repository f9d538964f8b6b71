"""The weight of needs: reference values of items, which are the prices of the catalogue, and the factors of urgency."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from contracts.items import ShippedItem, shipped_items
from contracts.needs import CatalogueChanged
from insight.model import ItemValue

URGENCY = {"normal": 1, "urgent": 2, "critical": 4}
CAP = 1_000_000
"""The most fen that one need counts for, so that no huge need outweighs all others."""
JOB, UNLISTED = 300_000, 2_000
"""The values in fen of a job, which has no price, and of an item that the catalogue does not have."""
_RECORD = text(
    "INSERT INTO item_values (category, version, fen) VALUES (:category, :version, :fen)"
    " ON CONFLICT (category) DO UPDATE SET version = excluded.version, fen = excluded.fen WHERE item_values.version < excluded.version"
)


def fen_of(item: CatalogueChanged | ShippedItem) -> int:
    """Return the reference value of one unit of an item in fen."""
    return item.price or (JOB if item.kind == "job" else UNLISTED)


def record_values(session: Session, events: Sequence[CatalogueChanged]) -> None:
    """Record the values of items; an older version changes nothing, and groups have none."""
    rows = [
        {"category": event.category, "version": event.version, "fen": fen_of(event)}
        for event in sorted(events, key=lambda event: (event.category, event.version))
        if event.unit
    ]
    if rows:
        session.execute(_RECORD, rows)


def load_values(session: Session, categories: Collection[str]) -> Mapping[str, int]:
    """Load the values of one unit of these items. Until the catalogue is heard, those of this release hold."""
    rows = session.execute(select(ItemValue.category, ItemValue.fen).where(ItemValue.category.in_(set(categories))))
    found = {row.category: row.fen for row in rows}
    shipped = {category: fen_of(item) for category in categories if (item := shipped_items().get(category))}
    return {category: found.get(category) or shipped.get(category) or UNLISTED for category in categories}


def value_of(fen: int, quantity: int) -> int:
    """Return the value of a need in fen, at most the cap."""
    return min(fen * quantity, CAP)
