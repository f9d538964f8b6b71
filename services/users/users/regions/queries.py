"""The register of regions: filled from the shipped edition of the national codes, searched by name."""

from typing import Any

from sqlalchemy import Connection, func, select
from sqlalchemy.orm import Session

from chassis.data.database import below
from chassis.problems import not_found
from contracts import regions as edition
from users.regions.model import Region, RegionAlias
from users.regions.names import find_codes

_CHILD_DIGITS = dict(zip([0, *edition.LEVELS], edition.LEVELS, strict=False))


def load_edition(connection: Connection) -> None:
    """Copy the shipped edition into the empty register, in the caller's transaction: 665,276 regions in about a second."""
    cursor: Any = connection.connection.cursor()
    with cursor:
        with cursor.copy("COPY regions (code, name) FROM STDIN (FORMAT csv)") as copy:
            for block in edition.rows_as_csv():
                copy.write(block)
        with cursor.copy("COPY region_aliases (old_code, old_name, code) FROM STDIN") as copy:
            for alias in edition.aliases():
                copy.write_row(alias)


def get_region(session: Session, asked: str) -> Region:
    """Get a region by its code, or by a former code. Raises `not_found`."""
    alias = session.get(RegionAlias, asked)
    region = session.get(Region, alias.code if alias else asked)
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
    found = select(Region).where(Region.code.in_(find_codes(name, within, limit)))
    return list(session.scalars(found.order_by(func.length(Region.code), Region.code)))


def describe_regions(session: Session, found: list[Region]) -> list[dict[str, Any]]:
    """Return each region with its level, the regions around it and its former names."""
    around = {region.code: edition.ancestors(region.code) for region in found}
    wider = session.scalars(select(Region).where(Region.code.in_({code for codes in around.values() for code in codes})))
    names = {region.code: region.name for region in wider}
    former: dict[str, list[RegionAlias]] = {}
    for alias in session.scalars(select(RegionAlias).where(RegionAlias.code.in_(around)).order_by(RegionAlias.old_code)):
        former.setdefault(alias.code, []).append(alias)
    return [
        describe_division(region.code, region.name)
        | {
            "ancestors": [describe_division(code, names.get(code, code)) for code in around[region.code]],
            "formerly": [{"code": alias.old_code, "name": alias.old_name} for alias in former.get(region.code, [])],
        }
        for region in found
    ]


def describe_division(code: str, name: str) -> dict[str, str]:
    """Return a division with its level."""
    return {"code": code, "name": name, "level": edition.level(code)}
