"""Events about the balance, made from published rows."""

from typing import Any

from contracts.matching import BalanceChanged
from matching.balance.model import PublishedBalance


def balance_changed(published: PublishedBalance | Any) -> BalanceChanged:
    """Build the event of the figures last published for a region, category and unit."""
    return BalanceChanged(
        version=published.version,
        balance_id=published.id,
        region=published.region,
        category=published.category,
        unit=published.unit,
        waiting_needs=published.waiting_needs,
        waiting_units=published.waiting_units,
        open_pledges=published.open_pledges,
        open_units=published.open_units,
        typical_days=published.typical_days,
        counted_at=published.counted_at,
    )
