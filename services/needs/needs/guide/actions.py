"""Actions of the guide: store the balance that matching publishes."""

from collections.abc import Sequence

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts.matching import BalanceChanged
from needs.guide.model import Balance

FIGURES = ("version", "waiting_needs", "waiting_units", "open_pledges", "open_units", "typical_days", "counted_at")


def record_balances(session: Session, events: Sequence[BalanceChanged]) -> None:
    """Store the balance; an older version changes nothing."""
    newest = {event.balance_id: event for event in sorted(events, key=lambda event: (event.balance_id, event.version))}
    stated = ("region", "category", "unit", *FIGURES)
    rows = insert(Balance).values([{"id": event.balance_id} | {name: getattr(event, name) for name in stated} for event in newest.values()])
    session.execute(
        rows.on_conflict_do_update(
            index_elements=["id"],
            set_={name: rows.excluded[name] for name in FIGURES},
            where=Balance.version < rows.excluded.version,
        )
    )
