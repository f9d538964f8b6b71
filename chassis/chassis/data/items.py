"""The words of the catalogue's items, recorded in every service's own database: labels, measure words, kinds.

Needs publishes them as `CatalogueChanged`; `ServiceWorker` records them. Until then, those of this release hold.
"""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import BigInteger, Column, String, Table, Uuid, select, text
from sqlalchemy.orm import Session

from chassis.data.database import CategoryCode, tables
from chassis.wording import ItemWords, unknown_item
from contracts.items import shipped_items
from contracts.needs import CatalogueChanged

item_words = Table(
    "item_words",
    tables,
    Column("category", CategoryCode, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("unit", String(20)),
    Column("kind", String(20), nullable=False),
    Column("zh", String(100), nullable=False),
    Column("en", String(100), nullable=False),
    Column("measure", String(20), nullable=False),
    Column("noun_zh", String(100), nullable=False),
    Column("noun_en", String(100), nullable=False),
)
_WORDS = ("category", "unit", "kind", "zh", "en", "measure", "noun_zh", "noun_en")
_RECORD = text(
    "INSERT INTO item_words (category, version, id, unit, kind, zh, en, measure, noun_zh, noun_en)"
    " VALUES (:category, :version, :id, :unit, :kind, :zh, :en, :measure, :noun_zh, :noun_en)"
    " ON CONFLICT (category) DO UPDATE SET version = excluded.version, kind = excluded.kind, zh = excluded.zh, en = excluded.en,"
    " measure = excluded.measure, noun_zh = excluded.noun_zh, noun_en = excluded.noun_en"
    " WHERE item_words.version < excluded.version"
)


def record(session: Session, events: Sequence[CatalogueChanged]) -> None:
    """Record the words of items; an older version changes nothing."""
    rows = [
        {name: getattr(event, name) for name in _WORDS} | {"id": event.item_id, "version": event.version}
        for event in sorted(events, key=lambda event: (event.category, event.version))
    ]
    if rows:
        session.execute(_RECORD, rows)


def find_words(session: Session, categories: Collection[str]) -> Mapping[str, ItemWords]:
    """Find the words of these items and groups; one that was never in the catalogue has its code for a name."""
    columns = [item_words.c[name] for name in _WORDS]
    rows = session.execute(select(*columns).where(item_words.c.category.in_(set(categories)))).all()
    found = {row.category: ItemWords(*row) for row in rows}
    return {category: found.get(category) or _shipped_item(category) for category in categories}


def find_item(session: Session, category: str) -> ItemWords:
    """Find the words of one item or group."""
    return find_words(session, [category])[category]


def _shipped_item(category: str) -> ItemWords:
    item = shipped_items().get(category)
    return ItemWords(*(getattr(item, name) for name in _WORDS)) if item else unknown_item(category)
