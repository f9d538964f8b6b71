"""Addresses on paper: complete up to the province."""

import re
from collections.abc import Sequence

_UNNAMED = {"市辖区", "县", "省直辖县级行政区划", "自治区直辖县级行政区划"}
"""Levels that exist in the codes alone: no address names them."""
_TOWNSHIP = re.compile(r"[\u3400-\u9fff]{1,12}?(?:镇|乡|街道|苏木)")


def complete_address(address: str, names: Sequence[str]) -> str:
    """Put province, city, county and township before an address, as far as it does not begin with them or with a township of its own.

    `names` are those of its region.
    """
    around = [name for name in names[: 3 if _TOWNSHIP.match(address) else 4] if name not in _UNNAMED]
    stated = next((place for place, name in enumerate(around) if address.startswith(name)), len(around))
    return "".join(around[:stated]) + address
