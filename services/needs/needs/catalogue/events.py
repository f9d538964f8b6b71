"""The event of an item or group of the catalogue, made from its row."""

from contracts.needs import CatalogueChanged
from needs.catalogue.defaults import read_item
from needs.catalogue.model import CatalogueItem


def catalogue_changed(row: CatalogueItem) -> CatalogueChanged:
    """Make the event of an item or group as it is now."""
    item = read_item(row.facts)
    return CatalogueChanged(
        version=row.version,
        item_id=row.id,
        category=item.category,
        unit=item.unit,
        kind=item.kind,  # type: ignore[arg-type]
        zh=item.zh,
        en=item.en,
        measure=item.measure,
        noun_zh=item.noun_zh,
        noun_en=item.noun_en,
        catalogue=item.set,
        most=item.most,
        price=item.price,
        changed_at=row.changed_at,
    )
