"""Publish the figures of needs that changed: several changes of one need within a second are one event."""

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.messaging import outbox
from needs.figures.events import need_figures_changed
from needs.figures.model import NeedFigureChange
from needs.queries import PUBLIC_STATES

AT_ONCE = 2_000
# One process publishes at a time: whoever came second would store older figures as the newer version.
_LOCK = select(func.pg_try_advisory_xact_lock(func.hashtext("needs.figures")))
_TAKE = text(
    """
    WITH taken AS (
        DELETE FROM need_figure_changes WHERE id IN (SELECT id FROM need_figure_changes ORDER BY id LIMIT :most) RETURNING need_id
    )
    SELECT DISTINCT need_id FROM taken
    """
)
_FIGURES = "account_id, region, state, is_public, unit, quantity, accepted, proposed, delivered"
_STORE = text(
    f"""
    INSERT INTO need_figures AS told (id, version, {_FIGURES}, counted_at)
    SELECT need.id, 1, account_id, region, state, state = ANY(CAST(:public AS text[])) AND NOT hidden, unit, quantity,
        coalesce(accepted, 0), coalesce(proposed, 0), coalesce(delivered, 0), :at
    FROM needs AS need LEFT JOIN need_quantities AS sums ON sums.id = need.id
    WHERE need.id = ANY(CAST(:ids AS uuid[])) AND published_at IS NOT NULL
    ON CONFLICT (id) DO UPDATE SET version = told.version + 1, counted_at = excluded.counted_at,
        ({_FIGURES}) = ROW({", ".join(f"excluded.{name}" for name in _FIGURES.split(", "))})
    WHERE ({", ".join(f"told.{name}" for name in _FIGURES.split(", "))})
        IS DISTINCT FROM ({", ".join(f"excluded.{name}" for name in _FIGURES.split(", "))})
    RETURNING *
    """
)


def publish_changed_figures(session: Session) -> int:
    """Publish a limited number of figures that changed; return how many. Figures equal to those told last are left out."""
    if session.scalar(select(NeedFigureChange.id).limit(1)) is None or not session.scalar(_LOCK):
        return 0
    ids = session.scalars(_TAKE, {"most": AT_ONCE}).all()
    stored = session.execute(_STORE, {"ids": ids, "public": list(PUBLIC_STATES), "at": now()}).all()
    outbox.add(session, *map(need_figures_changed, stored))
    return len(stored)
