"""Events of regions, made from the changes of their codes."""

from contracts.users import RegionListed, RegionSucceeded
from users.regions.model import RegionChange


def region_listed(change: RegionChange) -> RegionListed:
    """Make the event of a code that counts. Raises ValueError if it has ended."""
    if change.valid_from is None or change.valid_until is not None:
        raise ValueError("the code does not count")
    return RegionListed(
        version=change.version, region_id=change.id, code=change.code, region_name=change.name, valid_from=change.valid_from
    )


def region_succeeded(change: RegionChange) -> RegionSucceeded:
    """Make the event of a code that ended. Raises ValueError if it counts."""
    if change.valid_until is None:
        raise ValueError("the code counts")
    return RegionSucceeded(
        version=change.version,
        region_id=change.id,
        code=change.code,
        region_name=change.name,
        valid_until=change.valid_until,
        successors=list(change.successors),
    )
