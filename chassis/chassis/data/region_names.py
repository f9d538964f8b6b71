"""Names of regions for people: 蓬溪县, 新会镇, 猫山村."""

from sqlalchemy.orm import Session

from chassis.data.regions import find_changes
from contracts import regions

_OFFICES = {"社区居民委员会": "社区", "社区居委会": "社区", "村民委员会": "村", "村委会": "村"}


def find_region_names(session: Session, code: str) -> list[str]:
    """Find the names of the regions around a code and of itself, the widest first; a renamed one has its present name."""
    listed = [code[:digits] for digits in regions.LEVELS if digits <= len(code)]
    found = regions.find_names(listed) | {one: change.name for one, change in find_changes(session, listed).items() if not change.ended}
    return [_without_office(found[one]) for one in listed if one in found]


def _without_office(name: str) -> str:
    """Drop the committee from the name of a village: 猫山村村委会 and 猫山村民委员会 are 猫山村."""
    for office, place in _OFFICES.items():
        if name.endswith(office):
            around = name.removesuffix(office)
            return around if around.endswith(place) else around + place
    return name
