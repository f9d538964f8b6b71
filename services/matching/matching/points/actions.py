"""Recording collection points from the events of users."""

from collections.abc import Sequence

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts.users import PlaceChanged
from matching.points.model import Point

_FACTS = ("version", "region", "state", "name", "address", "hours", "telephone", "do_not_bring")


def record_points(session: Session, events: Sequence[PlaceChanged]) -> None:
    """Record what counts of points, in any order: an older version changes nothing."""
    newest = {event.place_id: event for event in sorted(events, key=lambda event: event.version)}
    rows = [{"id": place_id} | {name: getattr(newest[place_id], name) for name in _FACTS} for place_id in sorted(newest)]
    fresh = insert(Point).values(rows)
    renewed = {name: getattr(fresh.excluded, name) for name in _FACTS}
    session.execute(fresh.on_conflict_do_update(index_elements=["id"], set_=renewed, where=Point.version < fresh.excluded.version))
