"""The register of regions: filled from the shipped edition of the national codes, changed by imports, searched by name and by the way."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from functools import cache
from typing import Any

from sqlalchemy import any_, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from chassis.data.database import RegionCode, below
from chassis.data.regions import resolve_region, resolve_regions
from chassis.problems import not_found
from contracts import regions as edition
from contracts.regions.resolution import Resolution
from users.problems import region_ended
from users.regions.model import Region, RegionChange
from users.regions.names import find_codes
from users.regions.search import find_by_way

_CHILD_DIGITS = dict(zip([0, *edition.LEVELS], edition.LEVELS, strict=False))


def get_region(session: Session, asked: str) -> Region:
    """Get a region by its code, or by a former code with one successor. Raises `region_ended` for another former code, and `not_found`."""
    found = resolve_region(session, asked)
    if found.state == "ended":
        raise region_ended(
            members={"successors": describe_successors(found)},
            code=found.former,
            name=found.name,
            zh_successors="、".join(f"{code} {name}".strip() for code, name in found.successors) or "不详",
            en_successors=", ".join(f"{code} {name}".strip() for code, name in found.successors) or "not known",
        )
    region = session.get(Region, found.code) if found.state == "present" and found.code else None
    if region is None:
        raise not_found()
    return region


def list_children(session: Session, code: str) -> list[Region]:
    """List the regions one level below, by code: the provinces for "", nothing for a village."""
    digits = _CHILD_DIGITS.get(len(code), 0)
    query = select(Region).where(func.length(Region.code) == digits, below(Region.code, code))
    return list(session.scalars(query.order_by(func.length(Region.code), Region.code)))


def search_regions(session: Session, name: str, within: str, limit: int) -> list[Region]:
    """Find regions by a part of their present or a former name; wider regions come first, then by code."""
    return _load(session, find_codes(session, name, within, limit))


def search_by_way(session: Session, asked: str, within: str, limit: int) -> list[Region]:
    """Find regions by the way to them, in characters, pinyin or initials; those that are named exactly come first."""
    return _load(session, find_by_way(session, asked, within, limit))


def resolve_codes(session: Session, asked: Sequence[str]) -> tuple[dict[str, Region], dict[str, Resolution]]:
    """Load the regions of many codes, by the code asked for; those of codes that have none are resolutions that say why."""
    found = resolve_regions(session, asked)
    codes = {one.code for one in found.values() if one.state == "present"}
    regions = {region.code: region for region in _load(session, codes)}
    shown = {code: regions[one.code] for code, one in found.items() if one.state == "present" and one.code in regions}
    return shown, {code: one for code, one in found.items() if code not in shown}


def describe_regions(session: Session, found: Collection[Region]) -> list[dict[str, Any]]:
    """Return each region with its level, the regions around it and its former names."""
    around = {region.code: edition.ancestors(region.code) for region in found}
    names = {region.code: region.name for region in _load(session, {code for codes in around.values() for code in codes})}
    former = _load_former(session, around)
    return [
        describe_division(region.code, region.name)
        | {
            "ancestors": [describe_division(code, names.get(code, code)) for code in around[region.code]],
            "formerly": former.get(region.code, []),
        }
        for region in found
    ]


def describe_division(code: str, name: str) -> dict[str, str]:
    """Return a division with its level."""
    return {"code": code, "name": name, "level": edition.level(code)}


def describe_successors(found: Resolution) -> list[dict[str, str]]:
    """Return the divisions that hold the area of an ended code."""
    return [describe_division(code, name) for code, name in found.successors]


def _load(session: Session, codes: Collection[str]) -> list[Region]:
    """Load regions, in the order of the codes."""
    listed = list(codes)
    rows = session.scalars(select(Region).where(Region.code == any_(literal(listed, ARRAY(RegionCode))))).all() if listed else []
    found = {region.code: region for region in rows}
    return [found[code] for code in listed if code in found]


def _load_former(session: Session, codes: Collection[str]) -> dict[str, list[dict[str, str]]]:
    """Load the former codes and names of regions, by their present code: those whose area they hold, whole or in part."""
    former: dict[str, list[dict[str, str]]] = {code: list(_shipped_former().get(code, [])) for code in codes}
    changed = select(RegionChange).where(
        RegionChange.valid_until.is_not(None), RegionChange.successors.overlap(literal(list(codes), ARRAY(RegionCode)))
    )
    for change in session.scalars(changed.order_by(RegionChange.code)):
        for code in change.successors:
            if code in former:
                former[code].append({"code": change.code, "name": change.name})
    return former


@cache
def _shipped_former() -> dict[str, list[dict[str, str]]]:
    """List the former codes of the shipped edition, by the present codes that hold their area."""
    found = defaultdict[str, list[dict[str, str]]](list)
    for one in edition.former().values():
        for code in one.successors if one.valid_until else ():
            found[code].append({"code": one.code, "name": one.name})
    return found
