"""The event of perishable goods that soon can no longer be matched, made from the row of their pledge."""

from contracts.needs import PledgeExpiring
from needs.events import recorded
from needs.model import Pledge
from needs.rules import open_quantity


def pledge_expiring(pledge: Pledge) -> PledgeExpiring:
    """Make the event of the last reminder of a pledge, with the version that it had then."""
    return PledgeExpiring(
        version=pledge.reminded_version or pledge.version,
        pledge_id=pledge.id,
        pledger_id=pledge.pledger_id,
        category=pledge.category,
        unit=pledge.unit,
        open=open_quantity(pledge),
        best_before=recorded(pledge.best_before),
        valid_until=pledge.valid_until,
        reminded_at=recorded(pledge.reminded_at),
    )
