"""Queries of collection points."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from matching.points.model import Point


def find_nearest_point(session: Session, region: str) -> Point | None:
    """Find the nearest open point of a region: its own, else its township's, else its county's; of several the oldest."""
    around = [region[:length] for length in (6, 9, 12) if length <= len(region)]
    query = select(Point).where(Point.state == "open", Point.region.in_(around))
    return session.scalars(query.order_by(func.length(Point.region).desc(), Point.id).limit(1)).first()
