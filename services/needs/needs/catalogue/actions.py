"""Actions of the catalogue: enter and publish the shipped items, set the rules of a region."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from chassis.data.audit_log import Entry, record
from chassis.data.database import now
from chassis.http import versions
from chassis.http.auth import Caller
from chassis.messaging import outbox
from chassis.problems import not_found
from needs.catalogue import queries, rules
from needs.catalogue.defaults import Item, catalogue, forbidden
from needs.catalogue.events import catalogue_changed
from needs.catalogue.model import CatalogueItem, CatalogueRules
from needs.catalogue.problems import catalogue_rules_wrong
from needs.catalogue.rules import Terms
from needs.model import Need
from needs.problems import unknown_item


def publish_catalogue(session: Session) -> int:
    """Enter the shipped items that are new or changed, and publish every item that nobody was told of; return their number.

    An item that a release no longer ships stays. Only one process does it at a time.
    """
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext("needs.catalogue"))))
    rows = {row.category: row for row in session.scalars(select(CatalogueItem))}
    for item in catalogue().values():
        _enter(session, item, rows.get(item.category))
    session.flush()
    queries.forget_terms(session)
    waiting = select(CatalogueItem).where(CatalogueItem.published_version < CatalogueItem.version).order_by(CatalogueItem.category)
    told = session.scalars(waiting).all()
    for row in told:
        row.published_version = row.version
        outbox.add(session, catalogue_changed(row))
    session.flush()
    return len(told)


def _enter(session: Session, item: Item, row: CatalogueItem | None) -> None:
    if row is None:
        session.add(CatalogueItem(category=item.category, id=item.id, unit=item.unit, facts=item.facts(), changed_at=now()))
    elif row.facts != item.facts():
        row.facts, row.version, row.changed_at = item.facts(), row.version + 1, now()


def require_terms(
    session: Session, region: str, wanted: Mapping[str, Any], *, of_institution: bool = False, size: int | None = None
) -> Terms:
    """Return the terms of the item that a need asks for in a region. Raises `unknown_item`, or the problem of what it asks for."""
    terms = queries.find_terms(session, wanted["category"], region)
    if terms is None:
        raise unknown_item(members={"category": wanted["category"]})
    specification = wanted.get("specification") or {}
    problem = rules.find_need_problem(
        terms, wanted["quantity"], wanted["reason"], specification, forbidden(), size=size, of_institution=of_institution
    )
    if problem:
        raise problem
    return terms


def require_quantity(session: Session, need: Need, quantity: int, size: int | None = None) -> Terms | None:
    """Raise the problem of a quantity that a verifier states for a need, by the terms of now; nothing of an item that is gone.

    Returns the terms. `size` is that of the household.
    """
    terms = queries.find_terms(session, need.category, need.region)
    problem = rules.find_quantity_problem(terms, quantity, size=size, of_institution=need.of_institution) if terms else None
    if problem:
        raise problem
    return terms


def set_rules(session: Session, caller: Caller, region: str, wanted: Mapping[str, Any]) -> Sequence[CatalogueRules]:
    """Add the next version of the rules of a region that the caller manages; return its history.

    It replaces the version before; a field that it does not name is that of the region around. Raises `not_found` for another region,
    `stale`, or `catalogue_rules_wrong` with the places of the wrong entries.
    """
    if not caller.manages(region):
        raise not_found()
    # An advisory lock per region: there may be no row yet to lock.
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext("needs.catalogue_rules"), func.hashtext(region))))
    latest = queries.find_latest_rules(session, region)
    versions.check_if_match(session, latest)
    if wrong := rules.find_wrong_entries(wanted["sets"] or [], wanted["items"], wanted["forbidden"]):
        raise catalogue_rules_wrong(errors=[{"pointer": pointer, "code": "not_a_choice"} for pointer in wrong])
    items = {entry["category"]: {name: value for name, value in entry.items() if name != "category"} for entry in wanted["items"]}
    stated = {"sets": wanted["sets"], "items": items, "forbidden": wanted["forbidden"]}
    version = latest.version + 1
    session.add(CatalogueRules(region=region, version=version, rules=stated, set_by=caller.id, set_at=now()))
    record(session, caller, Entry(act="set_catalogue_rules", subject="catalogue", region=region, details={"version": version}))
    session.flush()
    queries.forget_terms(session)
    return queries.list_history(session, caller, region)
