"""Publication of changed balances of counties and wider regions: each region, category and unit at most once a minute."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.messaging import outbox
from matching.balance.events import balance_changed
from matching.balance.typical_days import load_typical_days

AT_ONCE = 500
PAUSE_SECONDS = 60
LARGEST = 2**53

# Other processes publish other rows at the same time. Locked rows are skipped, so this waits for nobody.
_TAKE = text(
    """
    UPDATE balance SET changed = false, told_at = :at WHERE (region, category, unit) IN (
        SELECT region, category, unit FROM balance
        WHERE changed AND told_at <= :told_before ORDER BY told_at LIMIT :limit
        FOR UPDATE SKIP LOCKED
    ) RETURNING id, region, category, unit, needs, need_units, pledges, pledges_units
    """
)
_FIGURES = ("waiting_needs", "waiting_units", "open_pledges", "open_units", "typical_days")
_NAMES = ("id", "region", "category", "unit", *_FIGURES)
# Stores the figures to publish and returns the rows that differ from those published last.
_STORE = text(
    f"""
    INSERT INTO balance_told ({", ".join(_NAMES)}, version, counted_at)
    SELECT {", ".join(_NAMES)}, 1, :counted_at
    FROM unnest(CAST(:id AS uuid[]), CAST(:region AS text[]), CAST(:category AS text[]), CAST(:unit AS text[]),
        CAST(:waiting_needs AS bigint[]), CAST(:waiting_units AS bigint[]), CAST(:open_pledges AS bigint[]),
        CAST(:open_units AS bigint[]), CAST(:typical_days AS integer[])) AS fresh ({", ".join(_NAMES)})
    ORDER BY id
    ON CONFLICT (id) DO UPDATE SET version = balance_told.version + 1, counted_at = excluded.counted_at,
        {", ".join(f"{name} = excluded.{name}" for name in _FIGURES)}
    WHERE ({", ".join(f"balance_told.{name}" for name in _FIGURES)})
        IS DISTINCT FROM ({", ".join(f"excluded.{name}" for name in _FIGURES)})
    RETURNING *
    """
)


def publish_changed_balances(session: Session, pause_seconds: float = PAUSE_SECONDS) -> int:
    """Publish a limited number of the balances that are due; returns how many. Figures equal to those published last are left out."""
    at = now()
    taken = session.execute(_TAKE, {"at": at, "told_before": at - timedelta(seconds=pause_seconds), "limit": AT_ONCE}).all()
    if not taken:
        return 0
    days = load_typical_days(session, {(row.region, row.category) for row in taken})
    rows = [_figures(row, days) for row in taken]
    stored = session.execute(_STORE, {name: [row[name] for row in rows] for name in _NAMES} | {"counted_at": at}).all()
    outbox.add(session, *(balance_changed(row) for row in stored))
    return len(stored)


def _figures(row: Any, days: Mapping[tuple[str, str], tuple[int, int]]) -> dict[str, Any]:
    found = days.get((row.region, row.category))
    sums = {"waiting_needs": row.needs, "waiting_units": row.need_units, "open_pledges": row.pledges, "open_units": row.pledges_units}
    return (
        {name: getattr(row, name) for name in ("id", "region", "category", "unit")}
        | {name: min(int(value), LARGEST) for name, value in sums.items()}
        | {"typical_days": found[0] if found else None}
    )
