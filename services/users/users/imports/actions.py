"""Sending tables, checking them again, confirming them; saving mappings of headings. The work itself is done by `imports.work`."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from chassis.data.database import new_id, now
from chassis.http import versions
from chassis.http.auth import Caller
from chassis.tables.columns import Matching, plain
from chassis.tables.faults import heading_twice
from chassis.tables.reading import find_format
from users.imports import files, queries, rules
from users.imports.kinds import KINDS
from users.imports.model import Import, ImportMapping
from users.problems import too_many_imports
from users.regions.rules import find_region_problem
from users.unique import insert_unique

CHANNEL = "imports"
EXPIRED_AT_ONCE = 100


def send_table(session: Session, caller: Caller, content: bytes, wanted: Mapping[str, Any]) -> Import:
    """Store a table of a region that the caller manages, to be checked. Raises a problem at once for a file that is no table."""
    if problem := find_region_problem(caller, wanted["region"]):
        raise problem
    _require_few(session, caller)
    mapping = _columns_of(session, caller, wanted)
    find_format(BytesIO(content))
    one = Import(
        id=new_id(),
        kind=wanted["kind"],
        region=wanted["region"],
        sheet=wanted.get("sheet"),
        mapping=mapping,
        size=len(content),
        created_by=caller.id,
        keep_until=now() + rules.KEPT_FOR,
    )
    session.add(one)
    session.flush()
    files.store(session, one.id, content)
    _wake(session)
    return one


def check_again(session: Session, caller: Caller, import_id: UUID, wanted: Mapping[str, Any]) -> Import:
    """Have a table checked again, with another sheet or mapping. Raises `not_found`, `stale` or `state_conflict`."""
    one = queries.get_import(session, caller, import_id, lock=True)
    versions.check_if_match(session, one)
    if problem := rules.find_check_problem(caller, one):
        raise problem
    _require_few(session, caller)
    one.mapping = _columns_of(session, caller, {**wanted, "kind": one.kind})
    one.sheet = wanted.get("sheet")
    one.state, one.cursor, one.rows, one.found, one.problem, one.table_read = "checking", 0, None, {}, None, None
    one.version += 1
    files.delete_rows(session, one.id)
    _wake(session)
    return one


def confirm(session: Session, caller: Caller, import_id: UUID, takes_doubtful: bool) -> Import:
    """Have a checked table imported, in the name of the caller. Raises `not_found`, `stale` or `state_conflict`."""
    one = queries.get_import(session, caller, import_id, lock=True)
    versions.check_if_match(session, one)
    if problem := rules.find_confirmation_problem(caller, one):
        raise problem
    _require_few(session, caller)
    one.state, one.cursor, one.takes_doubtful = "importing", 0, takes_doubtful
    one.confirmed_by, one.confirmed_at = caller.id, now()
    one.version += 1
    _wake(session)
    return one


def save_mapping(session: Session, caller: Caller, wanted: Mapping[str, Any]) -> ImportMapping:
    """Save a mapping for tables of a region that the caller manages. Raises `mapping_saved` when one of this name is saved there."""
    if problem := find_region_problem(caller, wanted["region"]):
        raise problem
    columns = list(_columns_of(session, caller, wanted).items())
    stated = {name: wanted[name] for name in ("kind", "region", "name")}
    mapping = ImportMapping(id=new_id(), columns=columns, saved_by=caller.id, **stated)
    insert_unique(session, mapping)
    return mapping


def remove_mapping(session: Session, caller: Caller, mapping_id: UUID) -> ImportMapping:
    """Remove a saved mapping of a region that the caller manages. Raises `not_found`, `stale`, `not_allowed` or `state_conflict`."""
    mapping = queries.get_mapping(session, caller, mapping_id, lock=True)
    versions.check_if_match(session, mapping)
    if problem := rules.find_removal_problem(caller, mapping):
        raise problem
    mapping.removed_at = now()
    mapping.version += 1
    return mapping


def delete_old(session: Session) -> int:
    """Delete the files and rows of imports whose time is over; those that nobody confirmed expire. Return their number."""
    due = select(Import).where(Import.keep_until <= now(), Import.deleted_at.is_(None)).order_by(Import.keep_until)
    found = session.scalars(due.limit(EXPIRED_AT_ONCE).with_for_update(skip_locked=True)).all()
    ids = [one.id for one in found]
    files.delete_file(session, *ids)
    files.delete_rows(session, *ids)
    for one in found:
        one.state = one.state if one.state in {"done", "failed"} else "expired"
        one.table_read, one.sheet, one.mapping, one.deleted_at = None, None, {}, now()
        one.version += 1
    return len(found)


def _require_few(session: Session, caller: Caller) -> None:
    if queries.count_working(session, caller.id) >= rules.MOST_WAITING:
        raise too_many_imports()


def _columns_of(session: Session, caller: Caller, wanted: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the mapping of a request: a saved one, with the columns that it states itself. Raises `not_found` or `unknown_column`."""
    mapping: dict[str, str | None] = {}
    if "mapping_id" in wanted:
        mapping |= dict(queries.get_mapping(session, caller, wanted["mapping_id"]).columns)
    stated = wanted.get("columns", ())
    for one in stated:
        if sum(plain(one["heading"]) == plain(other["heading"]) for other in stated) > 1:
            raise heading_twice(heading=one["heading"])
    mapping |= {one["heading"]: one["field"] for one in stated}
    Matching(KINDS[wanted["kind"]].columns, mapping)
    return mapping


def _wake(session: Session) -> None:
    session.execute(select(func.pg_notify(CHANNEL, "")))
