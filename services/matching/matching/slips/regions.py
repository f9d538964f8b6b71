"""Names of regions on paper: 蓬溪县, 新会镇, 猫山村."""

from functools import lru_cache

from contracts import regions

_OFFICES = {"社区居民委员会": "社区", "社区居委会": "社区", "村民委员会": "村", "村委会": "村"}


@lru_cache(maxsize=4096)
def find_region_names(code: str) -> tuple[str, ...]:
    """Find the names of the regions around a code and of itself, the widest first, in the shipped edition; empty for an unknown code.

    Reading the names takes some tenths of a second, so that those of one village are kept.
    """
    if not regions.known(code):
        return ()
    wanted = {*regions.ancestors(code), code}
    found: dict[str, str] = {}
    for listed, name in regions.rows():
        if listed in wanted:
            found[listed] = name
        if listed >= code:
            break
    return tuple(_without_office(found[one]) for one in sorted(found, key=len))


def _without_office(name: str) -> str:
    """Drop the committee from the name of a village: 猫山村村委会 and 猫山村民委员会 are 猫山村."""
    for office, place in _OFFICES.items():
        if name.endswith(office):
            around = name.removesuffix(office)
            return around if around.endswith(place) else around + place
    return name
