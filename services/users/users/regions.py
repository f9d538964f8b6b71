"""The register of regions in the database: filled from the shipped edition of the national codes, searched by name."""

from typing import Any

from sqlalchemy import Connection, String, func, null, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from chassis.data.database import below
from chassis.problems import not_found
from contracts import regions as edition
from users.model import Region, RegionAlias

_CHILD_DIGITS = dict(zip([0, *edition.LEVELS], edition.LEVELS, strict=False))


def load(connection: Connection) -> None:
    """Fill the empty register with the shipped edition, in the caller's transaction: 665,276 regions in about a second."""
    cursor: Any = connection.connection.cursor()
    with cursor:
        with cursor.copy("COPY regions (code, name) FROM STDIN") as copy:
            for region in edition.rows():
                copy.write_row(region)
        with cursor.copy("COPY region_aliases (old_code, old_name, code) FROM STDIN") as copy:
            for alias in edition.aliases():
                copy.write_row(alias)


def get(session: Session, asked: str) -> Region:
    """The region of this code, or the one that a code of an earlier edition became. Raises `not_found`."""
    alias = session.get(RegionAlias, asked)
    region = session.get(Region, alias.code if alias else asked)
    if region is None:
        raise not_found()
    return region


def children(session: Session, code: str) -> list[Region]:
    """The regions one level below, in the order of their codes; the provinces for "", none for a village."""
    digits = _CHILD_DIGITS.get(len(code), 0)
    query = select(Region).where(func.length(Region.code) == digits, below(Region.code, code))
    return list(session.scalars(query.order_by(func.length(Region.code), Region.code)))


def search(session: Session, name: str, within: str, limit: int) -> list[Region]:
    """Regions whose name, or a name they had, holds these characters: the wider first, then by code."""
    renamed = select(RegionAlias.code).where(RegionAlias.old_name.contains(name, autoescape=True))
    former = session.scalars(select(Region).where(Region.code.in_(renamed), below(Region.code, within)))
    # pg_trgm takes no Chinese pairs and, without a Chinese locale, no Chinese at all: an index over single characters serves both.
    query = select(Region).where(
        _characters(Region.name).contains(_characters(name)),
        Region.name.contains(name, autoescape=True),
        below(Region.code, within),
    )
    today = session.scalars(query.order_by(func.length(Region.code), Region.code).limit(limit))
    found = {region.code: region for region in [*former, *today]}
    return sorted(found.values(), key=lambda region: (len(region.code), region.code))[:limit]


def described(session: Session, found: list[Region]) -> list[dict[str, Any]]:
    """Each with its level, the regions around it, and the names it had."""
    around = {region.code: edition.ancestors(region.code) for region in found}
    wider = session.scalars(select(Region).where(Region.code.in_({code for codes in around.values() for code in codes})))
    names = {region.code: region.name for region in wider}
    former: dict[str, list[RegionAlias]] = {}
    for alias in session.scalars(select(RegionAlias).where(RegionAlias.code.in_(around)).order_by(RegionAlias.old_code)):
        former.setdefault(alias.code, []).append(alias)
    return [
        line(region.code, region.name)
        | {
            "ancestors": [line(code, names.get(code, code)) for code in around[region.code]],
            "formerly": [{"code": alias.old_code, "name": alias.old_name} for alias in former.get(region.code, [])],
        }
        for region in found
    ]


def _characters(text: Any) -> Any:
    return func.string_to_array(text, null(), type_=ARRAY(String))


def line(code: str, name: str) -> dict[str, str]:
    return {"code": code, "name": name, "level": edition.level(code)}
