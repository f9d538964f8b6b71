"""Who hears on behalf of a household: whoever posted for it, or, when they left office, those who manage the place now."""

from collections.abc import Mapping
from uuid import UUID


def agents_for(region: str, poster_id: UUID, managers: Mapping[str, set[UUID]]) -> set[UUID]:
    """The poster while they manage the region; else the managers nearest to it; the poster after all where nobody is known.

    `managers` are those in office, by the region of their appointment.
    """
    around = [managers[region[:length]] for length in (12, 9, 6, 4, 2, 0) if length <= len(region) and region[:length] in managers]
    if not around or any(poster_id in known for known in around):
        return {poster_id}
    return around[0]
