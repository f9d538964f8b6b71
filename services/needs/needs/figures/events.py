"""The event of a need's figures, made from the row."""

from typing import Any

from contracts.needs import NeedFiguresChanged


def need_figures_changed(row: Any) -> NeedFiguresChanged:
    """Make the event of figures that changed."""
    same = ("version", "account_id", "region", "state", "is_public", "unit", "quantity", "accepted", "proposed", "delivered", "counted_at")
    return NeedFiguresChanged(need_id=row.id, **{name: getattr(row, name) for name in same})
