"""The event of a hand-over whose collection point changed, made from its row."""

from contracts.users import HandoverPlaceChanged
from users.handovers.model import Handover


def handover_place_changed(handover: Handover) -> HandoverPlaceChanged:
    """Make the event of the last change that the giver was told of. Raises ValueError without any."""
    if handover.told_at is None:
        raise ValueError("the point has not changed")
    return HandoverPlaceChanged(
        version=handover.told_version,
        handover_id=handover.id,
        match_id=handover.match_id,
        pledger_id=handover.pledger_id,
        region=handover.region,
        category=handover.category,
        unit=handover.unit,
        quantity=handover.quantity,
        place_id=handover.place_id,
        changed_at=handover.told_at,
    )
