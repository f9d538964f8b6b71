"""Names of regions on paper: 蓬溪县, 新会镇, 猫山村."""

import re
from collections.abc import Sequence

from sqlalchemy.orm import Session

from chassis.data.regions import find_changes
from contracts import regions

_OFFICES = {"社区居民委员会": "社区", "社区居委会": "社区", "村民委员会": "村", "村委会": "村"}
_UNNAMED = {"市辖区", "县", "省直辖县级行政区划", "自治区直辖县级行政区划"}
"""Levels that exist in the codes alone: no address names them."""
_TOWNSHIP = re.compile(r"[\u3400-\u9fff]{1,12}?(?:镇|乡|街道|苏木)")


def find_region_names(session: Session, code: str) -> list[str]:
    """Find the names of the regions around a code and of itself, the widest first; a renamed one has its present name."""
    listed = [code[:digits] for digits in regions.LEVELS if digits <= len(code)]
    found = regions.find_names(listed) | {one: change.name for one, change in find_changes(session, listed).items() if not change.ended}
    return [_without_office(found[one]) for one in listed if one in found]


def complete_address(address: str, names: Sequence[str]) -> str:
    """Put province, city, county and township before an address, as far as it does not begin with them or with a township of its own.

    `names` are those of its region.
    """
    around = [name for name in names[: 3 if _TOWNSHIP.match(address) else 4] if name not in _UNNAMED]
    stated = next((place for place, name in enumerate(around) if address.startswith(name)), len(around))
    return "".join(around[:stated]) + address


def _without_office(name: str) -> str:
    """Drop the committee from the name of a village: 猫山村村委会 and 猫山村民委员会 are 猫山村."""
    for office, place in _OFFICES.items():
        if name.endswith(office):
            around = name.removesuffix(office)
            return around if around.endswith(place) else around + place
    return name
