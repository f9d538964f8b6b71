"""Queries for the catalogue: the terms of items in a region, and the rules that regions have set."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from chassis.data.bulk_sql import encode_array
from chassis.http.auth import Caller
from chassis.problems import not_found
from needs.catalogue import rules
from needs.catalogue.defaults import Item, read_item
from needs.catalogue.model import CatalogueItem, CatalogueRules
from needs.catalogue.rules import Rules, Terms

MOST_SHOWN = 50
_FOUND = "terms"
_read: dict[tuple[Any, ...], Sequence[tuple[Item, int]]] = {}
"""The items as they were read last, by the state of their table."""
MOST_REGIONS = 100
_chosen: dict[str, tuple[Sequence[tuple[Item, int]], Mapping[str, tuple[int, Rules]], Sequence[Terms]]] = {}
"""The terms of regions that were asked for last, with the items and rules that they come from."""
# The latest version of each region; however many came before, one row of each is read.
_RULES = text(
    "SELECT latest.* FROM unnest(CAST(:regions AS text[])) AS around (region), LATERAL ("
    'SELECT region, version, rules FROM catalogue_rules WHERE region = around.region COLLATE "C" ORDER BY version DESC LIMIT 1'
    ") AS latest"
)


def find_terms(session: Session, category: str, region: str) -> Terms | None:
    """Find the terms of an item in a region, once in a transaction; None if the category is no item."""
    found: dict[tuple[str, str], Terms | None] = session.info.setdefault(_FOUND, {})
    if (category, region) not in found:
        found[category, region] = _find_terms(session, category, region)
    return found[category, region]


def forget_terms(session: Session) -> None:
    """Have the terms looked up anew, because the catalogue or its rules change."""
    session.info.pop(_FOUND, None)


def _find_terms(session: Session, category: str, region: str) -> Terms | None:
    row = session.get(CatalogueItem, category)
    if row is None or row.unit is None:
        return None
    return rules.choose_terms(read_item(row.facts), row.version, region, load_rules(session, region))


def list_terms(session: Session, region: str) -> Sequence[Terms]:
    """List the terms of all groups and items in a region, each group before its items: the same list until one of them changes."""
    around, items = load_rules(session, region), _list_items(session)
    chosen = _chosen.get(region)
    if chosen is None or chosen[0] is not items or chosen[1] != around:
        if len(_chosen) >= MOST_REGIONS:
            _chosen.clear()
        chosen = _chosen[region] = items, around, [rules.choose_terms(item, version, region, around) for item, version in items]
    return chosen[2]


def _list_items(session: Session) -> Sequence[tuple[Item, int]]:
    """List all groups and items with their versions, from memory as long as the table has not changed."""
    of_all = select(func.count(), func.sum(CatalogueItem.version), func.max(CatalogueItem.changed_at))
    stamp = tuple(session.execute(of_all).one())
    if stamp not in _read:
        rows = session.execute(select(CatalogueItem.facts, CatalogueItem.version).order_by(CatalogueItem.category)).all()
        _read.clear()
        _read[stamp] = [(read_item(facts), version) for facts, version in rows]
    return _read[stamp]


def load_rules(session: Session, region: str) -> Mapping[str, tuple[int, Rules]]:
    """Load the rules that a region and those around it have set, with their versions, by region."""
    rows = session.execute(_RULES, {"regions": encode_array(rules.list_enclosing_regions(region))})
    return {row.region: (row.version, row.rules) for row in rows}


def list_history(session: Session, caller: Caller, region: str) -> Sequence[CatalogueRules]:
    """List the versions that a region has set, the newest first. Raises `not_found` for a caller who may not read them."""
    if not rules.may_read(caller, region):
        raise not_found()
    query = select(CatalogueRules).where(CatalogueRules.region == region).order_by(CatalogueRules.version.desc()).limit(MOST_SHOWN)
    return session.scalars(query).all()


def find_latest_rules(session: Session, region: str) -> CatalogueRules:
    """Find the last version that a region has set; an empty version 0 when it has set none."""
    query = select(CatalogueRules).where(CatalogueRules.region == region).order_by(CatalogueRules.version.desc()).limit(1)
    return session.scalars(query).first() or CatalogueRules(version=0)
