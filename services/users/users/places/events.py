"""Events of collection points, made from their rows: when an act is done, and whenever it is published again."""

from typing import cast

from contracts.users import PlaceChanged, PlaceChangeProposed, PlaceState
from users.places.model import Place
from users.places.rules import region_above


def place_changed(place: Place) -> PlaceChanged:
    """Make the event of what counts of a point. Raises ValueError for one that never counted."""
    if place.published_version is None or place.published_at is None:
        raise ValueError("the point never counted")
    return PlaceChanged(
        version=place.published_version,
        place_id=place.id,
        region=place.region,
        state=cast("PlaceState", place.state),
        name=place.name,
        address=place.address,
        hours=place.hours,
        telephone=place.telephone,
        do_not_bring=place.do_not_bring,
        changed_at=place.published_at,
    )


def place_change_proposed(place: Place) -> PlaceChangeProposed:
    """Make the event of the proposal that waits. Raises ValueError without one."""
    if place.proposed_version is None or place.proposed_by is None or place.proposed_at is None:
        raise ValueError("nothing waits for the level above")
    return PlaceChangeProposed(
        version=place.proposed_version,
        place_id=place.id,
        region=region_above(place.region),
        place_region=place.region,
        proposed_by=place.proposed_by,
        proposed_at=place.proposed_at,
    )
